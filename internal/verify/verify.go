// Package verify asks image registries what an image reference stands for: the
// digest, the platforms that it has been built for, how large it is and its
// labels. It reads manifests and the small configuration document of an image,
// and never pulls a layer. It calls no addresses but public ones and those that
// its operator allows.
package verify

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/graftplatform/graft"
)

// DefaultTimeout is how long one image may take.
const DefaultTimeout = 30 * time.Second

// Options are the settings of a Verifier. Zero fields take defaults.
type Options struct {
	// Keychain finds credentials; nil: the Docker configuration of the user
	// that runs this process.
	Keychain authn.Keychain
	// Timeout bounds everything that is done for one image; 0: DefaultTimeout.
	Timeout time.Duration
	// Reach is what may be called besides public addresses.
	Reach Reach
	// Roots are the authorities that sign certificates of registries; nil: those
	// that the system trusts.
	Roots *x509.CertPool
	// Transport carries the requests, wherever they go; nil: one that keeps to
	// Reach, with the proxies of the environment.
	Transport http.RoundTripper
	// UserAgent is how registries' operators see the requests; empty: "graft".
	UserAgent string
}

// Verifier resolves images. It is safe for concurrent use.
type Verifier struct {
	options Options
}

// New returns a Verifier.
func New(options Options) *Verifier {
	if options.Keychain == nil {
		options.Keychain = authn.DefaultKeychain
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.Transport == nil {
		options.Transport = newGuard(options.Reach, net.DefaultResolver, http.ProxyFromEnvironment, options.Roots)
	}
	if options.UserAgent == "" {
		options.UserAgent = "graft"
	}
	return &Verifier{options}
}

// Result is what an image reference stands for.
type Result struct {
	Digest     string   // of the index or, without one, of the manifest
	Platforms  []string // os/arch[/variant], in the index's order
	Repository string   // with its registry: docker.io/library/busybox
	// Sizes is what a pull transfers at most, by platform, in bytes. Platforms
	// whose size could not be found out are absent.
	Sizes map[string]int64
	// Labels are those of the configuration of the image for the first platform:
	// at most 64, which take at most 16 KiB, without control characters.
	Labels map[string]string
}

// Resolve asks the image's registry. Errors with CodeUnavailable may go away by
// themselves (RetryAfter tells when to ask again, if the registry said so);
// all others are final: CodeInvalid, CodeNotFound, CodeUnauthorized,
// CodeForbidden, CodeUpstream.
func (v *Verifier) Resolve(ctx context.Context, image string) (Result, error) {
	target, err := parse(image)
	if err != nil {
		return Result{}, err
	}
	asked, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	transport := &boundedTransport{inner: v.options.Transport}
	result, err := v.ask(asked, target, transport)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		return Result{}, graft.WrapError(graft.CodeUnavailable, ctx.Err(), "The question to registry %s was given up.", target.registry())
	case asked.Err() != nil:
		return Result{}, graft.WrapError(graft.CodeUnavailable, err,
			"Registry %s did not answer within %s when it was asked for image %s.", target.registry(), v.options.Timeout, image)
	}
	return Result{}, explain(err, target, transport.retryAfter())
}

// target is an image reference that is taken apart.
type target struct {
	image     string // as it was written
	canonical reference.Named
	name      name.Reference
}

func (t target) registry() string { return reference.Domain(t.canonical) }

func parse(image string) (target, error) {
	canonical, err := reference.ParseDockerRef(image)
	if err != nil {
		return target{}, graft.WrapError(graft.CodeInvalid, err,
			"%q is no image reference. Write it as [registry/]repository[:tag][@digest].", image)
	}
	// Not by name.ParseReference, which takes hosts in capitals for repositories
	// of Docker Hub; the parser of Docker, which is to pull the image, does not.
	registry, err := name.NewRegistry(reference.Domain(canonical))
	if err != nil {
		return target{}, graft.WrapError(graft.CodeInvalid, err,
			"%q is no image reference that registries accept. Write it as [registry/]repository[:tag][@digest].", image)
	}
	repository := registry.Repo(reference.Path(canonical))
	if digested, ok := canonical.(reference.Digested); ok {
		return target{image, canonical, repository.Digest(digested.Digest().String())}, nil
	}
	tagged, _ := canonical.(reference.Tagged) // what has no digest was given a tag
	return target{image, canonical, repository.Tag(tagged.Tag())}, nil
}

func (v *Verifier) ask(ctx context.Context, t target, transport http.RoundTripper) (Result, error) {
	auth, err := authn.Resolve(ctx, v.options.Keychain, t.name.Context())
	if err != nil {
		return Result{}, graft.WrapError(graft.CodeUnavailable, err,
			"The Docker configuration of the user that runs the marketplace can't be read: no credentials for registry %s.", t.registry())
	}
	puller, err := remote.NewPuller(
		remote.WithContext(ctx),
		remote.WithAuth(auth),
		remote.WithTransport(transport),
		remote.WithUserAgent(v.options.UserAgent),
		// Whoever asked for the verification decides when to try again.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
	)
	if err != nil {
		return Result{}, err
	}
	descriptor, err := puller.Get(ctx, t.name)
	if err != nil {
		return Result{}, err
	}
	c, err := contentsOf(descriptor, t.image)
	if err != nil {
		return Result{}, err
	}
	if c.sizes == nil {
		within, cancel := context.WithTimeout(ctx, v.options.Timeout/3)
		defer cancel()
		c.sizes, c.labels = sizes(within, puller, t.name.Context(), c)
	}
	return Result{
		Digest: descriptor.Digest.String(), Platforms: c.platforms, Repository: t.canonical.Name(), Sizes: c.sizes, Labels: c.labels,
	}, nil
}
