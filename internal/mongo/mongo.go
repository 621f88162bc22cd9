// Package mongo reads what mongoexport writes of the collections of the old
// system, "marketplace" (addons) and "addons" (installations): JSON lines or an
// array (--jsonArray), in MongoDB Extended JSON v2.
package mongo

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// maxProblems is how many broken documents are told at once.
const maxProblems = 20

// Old is what the old system had. The zero value has nothing.
type Old struct {
	Addons        []graft.Addon
	Installations []Installation

	seen map[string]string // place of each document, by collection and id
}

// Installation is an installation of the old system, as it is taken over:
// disabled, so that nothing starts by itself. It pins no digests, which the old
// system had none of: once somebody enables it, its images are what their tags
// stand for then, as they were there.
type Installation struct {
	graft.Installation
	Was graft.InstallationStatus // in the old system
}

// Read adds the documents of a file, of either collection: installations are
// those that have a marketplace_id. The name is for messages. CodeInvalid, with
// the lines of what is wrong, when it can't be read or a document is none that
// Graft can have.
func (o *Old) Read(name string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return graft.WrapError(graft.CodeInvalid, err, "The file %s can't be read.", name)
	}
	documents, failed := split(name, data)
	var problems []string
	for _, d := range documents {
		err := d.broken
		if err == nil {
			err = o.add(d.place, d.fields)
		}
		if err != nil {
			problems = append(problems, d.place+": "+err.Error())
		}
	}
	if failed != nil {
		problems = append(problems, failed.Error())
	}
	if len(problems) == 0 {
		return nil
	}
	if n := len(problems) - maxProblems; n > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", n))
	}
	return graft.Errorf(graft.CodeInvalid, "%s", strings.Join(problems, "\n"))
}

func (o *Old) add(place string, fields map[string]any) error {
	id, err := takeID(fields, "_id")
	if err != nil {
		return err
	}
	collection := "addon"
	_, installed := fields["marketplace_id"]
	if installed {
		collection = "installation"
	}
	if o.seen == nil {
		o.seen = map[string]string{}
	}
	if before, twice := o.seen[collection+id]; twice {
		return fmt.Errorf("%s %s is in %s, too", collection, id, before)
	}
	o.seen[collection+id] = place
	if installed {
		return o.addInstallation(place, id, fields)
	}
	return o.addAddon(id, fields)
}

func (o *Old) addAddon(id string, fields map[string]any) error {
	status, err := takeStatus(fields, graft.AddonUnderReview, graft.AddonApproved, graft.AddonVerificationFailed)
	if err != nil {
		return err
	}
	descriptor, warnings, err := parse(fields)
	if err != nil {
		return err
	}
	addon := graft.Addon{
		ID: id, Descriptor: *descriptor, Status: status, Warnings: warnings,
		Kind: graft.KindExtension, Replaces: descriptor.Replaces(), CreatedAt: born(id),
	}
	if len(addon.Replaces) > 0 {
		addon.Kind = graft.KindPlugin
	}
	o.Addons = append(o.Addons, addon)
	return nil
}

func (o *Old) addInstallation(place, id string, fields map[string]any) error {
	marketplaceID, err := takeID(fields, "marketplace_id")
	if err != nil {
		return err
	}
	if before, twice := o.seen["installed "+marketplaceID]; twice {
		return fmt.Errorf("the addon %s is installed in %s, too", marketplaceID, before)
	}
	o.seen["installed "+marketplaceID] = place
	status, err := takeStatus(fields, graft.StatusInstalling, graft.StatusActive, graft.StatusPartiallyActive,
		graft.StatusFailed, graft.StatusDisabling, graft.StatusDisabled)
	if err != nil {
		return err
	}
	logs, _ := fields["logs"].(string)
	delete(fields, "logs")
	delete(fields, "status_details") // it is about containers that Graft does not look at
	descriptor, _, err := parse(fields)
	if err != nil {
		return err
	}
	installation := graft.Installation{
		ID: id, MarketplaceID: marketplaceID, Descriptor: *descriptor, Images: map[string]string{},
		Desired: graft.DesiredDisabled, Status: graft.StatusDisabled, Logs: logs, CreatedAt: born(id),
		Activated: status == graft.StatusActive || status == graft.StatusPartiallyActive,
	}
	for _, service := range descriptor.Services {
		installation.Images[service.Name] = service.Image
	}
	o.Installations = append(o.Installations, Installation{installation, status})
	return nil
}

// parse reads what is left of a document as a descriptor.
func parse(fields map[string]any) (*graft.Descriptor, graft.Problems, error) {
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, nil, err
	}
	descriptor, warnings, err := graft.ParseDescriptor(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s", strings.ReplaceAll(graft.ErrorMessage(err), "\n", "; "))
	}
	if len(descriptor.Services) == 0 {
		return nil, nil, fmt.Errorf("services: An addon needs at least one service")
	}
	return descriptor, warnings, nil
}

// takeID takes an id out of a document.
func takeID(fields map[string]any, name string) (string, error) {
	written, _ := fields[name].(string)
	delete(fields, name)
	id, ok := graft.ParseID(written)
	if !ok {
		return "", fmt.Errorf("%s is no id of 24 hex digits", name)
	}
	return id, nil
}

// takeStatus takes the status out of a document: one of those that there were.
func takeStatus[S ~string](fields map[string]any, known ...S) (S, error) {
	written, _ := fields["status"].(string)
	delete(fields, "status")
	if !slices.Contains(known, S(written)) {
		return "", fmt.Errorf("status is %q, and not one of %q", written, known)
	}
	return S(written), nil
}

// born is when an id was made: its first eight digits are the seconds since 1970.
// See https://www.mongodb.com/docs/manual/reference/method/ObjectId/.
func born(id string) time.Time {
	seconds, err := hex.DecodeString(id[:8])
	if err != nil { // it was parsed before
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint32(seconds)), 0).UTC()
}
