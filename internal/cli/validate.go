package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

// validation is the outcome of the validate command.
type validation struct {
	File     string            `json:"file"`
	Valid    bool              `json:"valid"`
	Problems []finding         `json:"problems"`
	Warnings []finding         `json:"warnings"`
	Parsed   *graft.Descriptor `json:"descriptor,omitempty"` // with its defaults
}

// finding is a problem and its place in the file.
type finding struct {
	graft.Problem
	Line int `json:"line,omitempty"`
}

func (p *program) validateCommand() *cobra.Command {
	var images []string
	cmd := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Check a descriptor, without any server",
		Long: `Check a descriptor, without any server.

Every problem is printed with its line and field. What can be published may
still have warnings.`,
		Example: "  graft validate addon.json\n  graft validate --image web=registry.example/web:1 template.json",
		Args:    oneArgument,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := p.checkDescriptor(args[0], images)
			if err != nil {
				return err
			}
			if err := p.print(c.validation(), c.printValidation); err != nil {
				return err
			}
			return c.err()
		},
	}
	imageFlag(cmd, &images)
	return cmd
}

func imageFlag(cmd *cobra.Command, images *[]string) {
	cmd.Flags().StringArrayVar(images, "image", nil,
		"use this image instead of the descriptor's: `SERVICE=REF`, or REF if it has one service;\nmay be given often")
}

func (c *checked) validation() validation {
	v := validation{File: c.file, Valid: len(c.problems) == 0, Problems: c.findings(c.problems), Warnings: c.findings(c.warnings)}
	if v.Valid {
		v.Parsed = c.descriptor
	}
	return v
}

func (c *checked) findings(problems graft.Problems) []finding {
	list := []finding{}
	for _, problem := range problems {
		list = append(list, finding{problem, c.lines.line(problem.Path)})
	}
	return list
}

func (c *checked) printValidation(w io.Writer) {
	c.report(w)
	if len(c.problems) == 0 {
		fmt.Fprintf(w, "%s: %s is fine: %s\n", c.file, clean(c.descriptor.Name), plural(len(c.descriptor.Services), "service"))
	}
}
