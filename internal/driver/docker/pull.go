package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
)

// errStalled is the cause of a pull's end when nothing was heard for too long.
var errStalled = errors.New("the registry sent nothing for too long")

// Pull implements driver.Driver. Those who want one image at the same time share
// one pull, which ends when nobody waits for it any more.
func (d *Driver) Pull(ctx context.Context, image string, progress func(driver.PullProgress)) error {
	err := d.pulls.do(ctx, image, progress, func(ctx context.Context, progress func(driver.PullProgress)) error {
		return d.pull(ctx, image, progress)
	})
	if err != nil && ctx.Err() != nil {
		return d.failed(nil, ctx.Err(), "pull of image %s", image)
	}
	return err
}

func (d *Driver) pull(ctx context.Context, image string, progress func(driver.PullProgress)) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	_, err = api.ImageInspect(ctx, image)
	if err == nil {
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return d.failed(api, err, "image %s can't be looked up", image)
	}
	credentials, err := d.credentials(ctx, image)
	if err != nil {
		return err
	}
	pullCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(d.stall, func() { cancel(errStalled) })
	defer alarm.Stop()
	heard := func() { alarm.Reset(d.stall) }
	err = pull(pullCtx, api, image, credentials, heard, progress)
	if err != nil && errors.Is(context.Cause(pullCtx), errStalled) {
		return graft.Errorf(graft.CodeUnavailable, "pull of image %s was given up: its registry sent nothing for %v", image, d.stall)
	}
	if err != nil {
		return d.pullFailed(api, err, image)
	}
	return nil
}

func pull(ctx context.Context, api *client.Client, image, credentials string, heard func(), progress func(driver.PullProgress)) error {
	stream, err := api.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: credentials})
	if err != nil {
		return err
	}
	defer stream.Close()
	var layers layers
	for message, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return err
		}
		if message.Error != nil {
			return message.Error
		}
		heard()
		if layers.add(&message) {
			progress(layers.progress())
		}
	}
	return ctx.Err() // a cancelled stream may end like a complete one
}

// credentials returns the keychain's credentials for an image as Docker wants
// them, "" if there are none.
func (d *Driver) credentials(ctx context.Context, image string) (string, error) {
	reference, err := name.ParseReference(image)
	if err != nil {
		return "", graft.Errorf(graft.CodeInvalid, "%q is no image reference: %v", image, err)
	}
	authenticator, err := authn.Resolve(ctx, d.keys, reference.Context())
	if err != nil {
		return "", credentialsFailed(err, reference)
	}
	config, err := authn.Authorization(ctx, authenticator)
	if err != nil {
		return "", credentialsFailed(err, reference)
	}
	if *config == (authn.AuthConfig{}) {
		return "", nil
	}
	encoded, err := authconfig.Encode(registry.AuthConfig{
		Username: config.Username, Password: config.Password, Auth: config.Auth,
		IdentityToken: config.IdentityToken, RegistryToken: config.RegistryToken,
		ServerAddress: reference.Context().RegistryStr(),
	})
	if err != nil {
		return "", credentialsFailed(err, reference)
	}
	return encoded, nil
}

func credentialsFailed(err error, reference name.Reference) error {
	return graft.WrapError(graft.CodeUpstream, err,
		"the credentials for registry %s can't be read from the Docker configuration: check it with docker login %[1]s", reference.Context().RegistryStr())
}

// What registries and Docker say, by what it means. Docker passes most of it on
// as text, often with status 500.
var (
	saysForbidden = []string{"unauthorized", "authentication required", "pull access denied", "no basic auth credentials", "denied: ", "forbidden"}
	saysMissing   = []string{"manifest unknown", "not found", "name unknown", "does not exist"}
	saysPlatform  = []string{"no matching manifest", "does not match the specified platform", "no match for platform"}
	saysAway      = []string{
		"toomanyrequests", "too many requests", "connection refused", "no such host", "no route to host", "network is unreachable",
		"connection reset", "timeout", "timed out", "deadline exceeded", "temporary failure", "server misbehaving",
		"received unexpected http status: 5", "internal server error", "bad gateway", "service unavailable", "gateway time-out", "eof",
	}
)

func says(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

func (d *Driver) pullFailed(api *client.Client, err error, image string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || broken(err) {
		return d.failed(api, err, "pull of image %s", image)
	}
	said := words(err)
	// The image's own name may contain any of the words.
	repository, _, _ := strings.Cut(image, "@")
	text := strings.ToLower(strings.ReplaceAll(said, repository, ""))
	switch {
	case says(text, saysForbidden):
		host, _, _ := strings.Cut(repository, "/")
		if reference, err := name.ParseReference(image); err == nil {
			host = reference.Context().RegistryStr()
		}
		return graft.Errorf(graft.CodeUpstream,
			"image %s can't be pulled: %s wants credentials: run docker login %[2]s as the user that runs Graft (%[3]s)", image, host, said)
	case says(text, saysPlatform):
		return graft.Errorf(graft.CodeInvalid, "image %s has no variant for this machine: %s", image, said)
	case says(text, saysAway):
		return graft.Errorf(graft.CodeUnavailable, "image %s can't be pulled now: %s", image, said)
	case says(text, saysMissing) || errdefs.IsNotFound(err):
		return graft.Errorf(graft.CodeNotFound, "image %s does not exist in its registry: %s", image, said)
	}
	return graft.Errorf(graft.CodeUpstream, "image %s can't be pulled: %s", image, said)
}

// layers adds up what a pull's messages say of each layer.
type layers struct {
	byID map[string]*layer
}

type layer struct {
	done         bool
	bytes, total int64
}

// add takes a message in and tells whether it was about a layer.
func (l *layers) add(m *jsonstream.Message) bool {
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete",
		"Extracting", "Pull complete", "Already exists":
	default:
		return false
	}
	if l.byID == nil {
		l.byID = map[string]*layer{}
	}
	this := l.byID[m.ID]
	if this == nil {
		this = &layer{}
		l.byID[m.ID] = this
	}
	switch m.Status {
	case "Downloading":
		if m.Progress != nil {
			this.bytes, this.total = m.Progress.Current, m.Progress.Total
		}
	case "Extracting": // counts the same bytes once more
		if m.Progress != nil && this.total == 0 {
			this.total = m.Progress.Total
		}
		this.bytes = this.total
	case "Download complete":
		this.bytes = this.total
	case "Pull complete", "Already exists":
		this.done, this.bytes = true, this.total
	}
	return true
}

func (l *layers) progress() driver.PullProgress {
	p := driver.PullProgress{Layers: len(l.byID)}
	for _, layer := range l.byID {
		if layer.done {
			p.LayersDone++
		}
		p.BytesDone += layer.bytes
		p.Bytes += layer.total
	}
	return p
}
