package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// maxDescriptor is what marketplaces take.
const maxDescriptor = 1 << 20

// source names in messages: a descriptor may come from stdin.
const stdinName = "-"

// checked is a descriptor file and what is to be said about it.
type checked struct {
	file       string
	data       []byte // as it is published
	descriptor *graft.Descriptor
	problems   graft.Problems
	warnings   graft.Problems
	lines      *document
}

// checkDescriptor reads a descriptor, puts the images in, and checks it. The
// error is about the file or the images; what is wrong with the descriptor
// itself is in problems.
func (p *program) checkDescriptor(file string, images []string) (*checked, error) {
	data, err := p.readDocument("descriptor", file)
	if err != nil {
		return nil, err
	}
	c := &checked{file: file, data: data, lines: locate(data)}
	if file == stdinName {
		c.file = "stdin"
	}
	for _, image := range images {
		// Each one moves what comes after it.
		if c.data, err = setImage(locate(c.data), image); err != nil {
			return nil, err
		}
	}
	c.descriptor, c.warnings, err = graft.ParseDescriptor(c.data)
	var e *graft.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && len(e.Problems) > 0:
		c.problems = e.Problems
	case errors.As(err, &e):
		c.problems = graft.Problems{{Message: e.Error()}}
	default:
		c.problems = graft.Problems{{Message: err.Error()}}
	}
	return c, nil
}

// err is nil for a good descriptor, else an Error that says how many problems
// there are.
func (c *checked) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return graft.Errorf(graft.CodeInvalid, "%s is no descriptor that can be published: %s", c.file, plural(len(c.problems), "problem"))
}

// where is "file:line", as editors understand it.
func (c *checked) where(problem graft.Problem) string {
	if line := c.lines.line(problem.Path); line > 0 {
		return c.file + ":" + strconv.Itoa(line)
	}
	return c.file
}

// report writes a line for every problem and warning.
func (c *checked) report(w io.Writer) {
	for _, problem := range c.problems {
		fmt.Fprintf(w, "%s: %s\n", c.where(problem), clean(problem.String()))
	}
	for _, warning := range c.warnings {
		fmt.Fprintf(w, "%s: warning: %s\n", c.where(warning), clean(warning.String()))
	}
}

// readDocument reads a file or, for "-", stdin; what it has is for messages.
func (p *program) readDocument(what, file string) ([]byte, error) {
	in := p.stdin
	if file != stdinName {
		f, err := os.Open(file)
		if err != nil {
			return nil, graft.Errorf(graft.CodeInvalid, "the %s can't be read: %v", what, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDescriptor+1))
	if err != nil {
		return nil, graft.Errorf(graft.CodeInvalid, "the %s can't be read: %v", what, err)
	}
	if len(data) > maxDescriptor {
		return nil, graft.Errorf(graft.CodeTooLarge, "the %s %s is larger than %d bytes, more than servers take", what, file, maxDescriptor)
	}
	return data, nil
}

// setImage puts an image into the document; assignment is SERVICE=REF, or REF
// alone when there is one service. All else stays as its author wrote it. What is
// no JSON stays so: the parser says why.
func setImage(d *document, assignment string) ([]byte, error) {
	if !d.whole {
		return d.data, nil
	}
	names := serviceNames(d)
	name, image, named := strings.Cut(assignment, "=")
	index := 0
	switch {
	case len(names) == 0:
		return nil, graft.Errorf(graft.CodeInvalid, "--image %s: the descriptor has no service to put it into", assignment)
	case named:
		if index = slices.Index(names, name); index < 0 {
			return nil, usagef("--image %s: the descriptor has no service %q%s", assignment, name, didYouMean(name, names))
		}
	case len(names) > 1:
		return nil, usagef("--image %s: the descriptor has %s: write SERVICE=%[1]s with one of %[3]s",
			assignment, plural(len(names), "service"), strings.Join(names, ", "))
	default:
		image = assignment
	}
	if image == "" {
		return nil, usagef("--image %s: there is no image after the equals sign", assignment)
	}
	value, err := json.Marshal(image)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "--image %s can't be written as JSON", assignment)
	}
	service := []string{"services", strconv.Itoa(index)}
	if at, ok := d.find(append(service, "image")...); ok {
		return slices.Concat(d.data[:at.start], value, d.data[at.end:]), nil
	}
	at, _ := d.find(service...)
	member := `"image": ` + string(value)
	if len(strings.TrimSpace(string(d.data[at.start+1:at.end-1]))) > 0 {
		member += ", "
	}
	return slices.Concat(d.data[:at.start+1], []byte(member), d.data[at.start+1:]), nil
}

// serviceNames are the names of the services in the document, empty for one
// without a name.
func serviceNames(d *document) []string {
	var names []string
	for {
		service := []string{"services", strconv.Itoa(len(names))}
		at, ok := d.find(service...)
		if !ok || d.data[at.start] != '{' {
			return names
		}
		names = append(names, d.text(append(service, "service_name")...))
	}
}
