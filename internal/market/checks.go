package market

import (
	"fmt"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// checks judges everything that the marketplace looks at, from what the
// registries said. similar are names of other publishers for which the addon's
// can be taken.
func checks(addon *graft.Addon, images []graft.ImageReport, similar []string) []graft.Check {
	return []graft.Check{
		checkDescriptor(addon),
		checkImages(images),
		checkPlatforms(addon, images),
		checkDigests(images),
		checkRights(addon),
		checkName(addon, similar),
	}
}

// worst is what a number of checks come to: failed beats pending, pending beats
// review, review beats the rest.
func worst(all []graft.Check) graft.CheckStatus {
	order := []graft.CheckStatus{graft.CheckPassed, graft.CheckWarning, graft.CheckReview, graft.CheckPending, graft.CheckFailed}
	status := graft.CheckPassed
	for _, c := range all {
		if slices.Index(order, c.Status) > slices.Index(order, status) {
			status = c.Status
		}
	}
	return status
}

func checkDescriptor(addon *graft.Addon) graft.Check {
	c := graft.Check{Name: graft.CheckDescriptor, Status: graft.CheckPassed}
	for _, problem := range addon.Warnings {
		c.Status = graft.CheckWarning
		c.Messages = append(c.Messages, problem.String())
	}
	return c
}

func checkImages(images []graft.ImageReport) graft.Check {
	c := graft.Check{Name: graft.CheckImages, Status: graft.CheckPassed}
	for _, image := range images {
		switch {
		case image.Reason == "":
			continue
		case !image.Temporary:
			c.Status = graft.CheckFailed
		case c.Status != graft.CheckFailed:
			c.Status = graft.CheckPending
		}
		c.Messages = append(c.Messages, fmt.Sprintf("service %s: %s", image.Service, image.Reason))
	}
	if c.Status == graft.CheckFailed {
		c.Mend = "Push the image to a registry that the marketplace can read, then have the addon verified again; if its name is wrong, publish another version."
	}
	return c
}

// checkPlatforms holds the images to what the addon says it runs on; of one that
// says nothing, to each other: where no image is in common, it can't be installed.
func checkPlatforms(addon *graft.Addon, images []graft.ImageReport) graft.Check {
	c := graft.Check{Name: graft.CheckPlatforms, Status: graft.CheckPassed}
	known := slices.DeleteFunc(slices.Clone(images), func(image graft.ImageReport) bool { return image.Digest == "" })
	for _, image := range known {
		for _, platform := range addon.Platforms {
			if !graft.RunsOn(image.Platforms, graft.FullPlatform(platform)) {
				c.Status = graft.CheckFailed
				c.Messages = append(c.Messages, fmt.Sprintf("service %s: the image is made for %s, and the addon says %s",
					image.Service, strings.Join(image.Platforms, ", "), platform))
			}
		}
	}
	switch {
	case c.Status == graft.CheckFailed:
		c.Mend = "Build the image for every platform that the addon names (docker buildx build --platform …), push it and have the addon verified again, or publish a version that names fewer."
	case len(known) < len(images):
		c.Status = graft.CheckPending
		if checkImages(images).Status == graft.CheckFailed { // they will not be known
			c.Status = graft.CheckPassed
		}
	case len(addon.Platforms) == 0 && len(common(known)) == 0:
		c.Status = graft.CheckWarning
		c.Messages = append(c.Messages, "no platform is one that all images are made for: no host can run the addon as a whole")
		c.Mend = "Build the images for the same platforms."
	}
	return c
}

// common returns the platforms of the first image on which all run.
func common(images []graft.ImageReport) []string {
	if len(images) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(images[0].Platforms), func(platform string) bool {
		return slices.ContainsFunc(images, func(image graft.ImageReport) bool { return !graft.RunsOn(image.Platforms, platform) })
	})
}

func checkDigests(images []graft.ImageReport) graft.Check {
	c := graft.Check{Name: graft.CheckDigests, Status: graft.CheckPassed}
	for _, image := range images {
		if image.MovedTo != "" {
			c.Status = graft.CheckWarning
			c.Messages = append(c.Messages, fmt.Sprintf("service %s: %s is by now %s; what is installed stays what was verified first, %s",
				image.Service, image.Image, image.MovedTo, image.Digest))
			c.Mend = "Publish another version to have the newer image installed."
		}
	}
	return c
}

// checkRights tells the dangerous ones. They are no reason to refuse an addon:
// who installs it decides.
func checkRights(addon *graft.Addon) graft.Check {
	c := graft.Check{Name: graft.CheckRights, Status: graft.CheckPassed}
	for _, right := range addon.Descriptor.Rights() {
		if right.Dangerous {
			c.Status = graft.CheckWarning
			c.Messages = append(c.Messages, right.Text)
			c.Mend = "Do without what the addon does not need: installing it takes an operator's consent to each of these."
		}
	}
	return c
}

func checkName(addon *graft.Addon, similar []string) graft.Check {
	c := graft.Check{Name: graft.CheckName, Status: graft.CheckPassed}
	if len(similar) > 0 {
		c.Status = graft.CheckReview
		c.Messages = []string{fmt.Sprintf("%s can be taken for %s of another publisher", addon.Name, strings.Join(similar, ", "))}
		c.Mend = "Choose a name that is not so similar, or wait until a reviewer approves it."
	}
	return c
}
