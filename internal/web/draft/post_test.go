package draft

import (
	"net/url"
	"strings"
)

// post returns what a browser sends of a form that nobody touched.
func post(form *Form) url.Values {
	values := url.Values{}
	fields := append([]*Field{}, form.Addon...)
	for _, section := range form.Sections {
		for _, item := range section.Items {
			fields = append(append(fields, item.Usual...), item.More...)
		}
	}
	for _, f := range fields {
		postField(values, f)
	}
	return values
}

func postField(values url.Values, f *Field) {
	if f.Locked != "" {
		return
	}
	switch f.Control {
	case ControlCheck:
		values.Add(f.Name, "")
		if f.Checked {
			values.Add(f.Name, "true")
		}
	case ControlChecks:
		values.Add(f.Name, "")
		for _, option := range f.Options {
			if option.Chosen {
				values.Add(f.Name, option.Value)
			}
		}
	case ControlList, ControlMounts, ControlPairs, ControlConditions:
		for _, row := range f.Rows {
			for _, in := range row.Inputs {
				postInput(values, in, in.Lines || len(in.Options) > 0)
			}
		}
	default:
		postInput(values, &f.Input, f.Lines || len(f.Options) > 0)
	}
}

func postInput(values url.Values, in *Input, lines bool) {
	value := in.Value
	for _, option := range in.Options {
		if option.Chosen {
			value = option.Value
		}
	}
	// A page has no NUL, and no line break but LF; controls of one line have none,
	// the others send CRLF.
	value = strings.ReplaceAll(value, "\x00", "\ufffd")
	value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\r", "\n")
	if !lines {
		value = strings.ReplaceAll(value, "\n", "")
	}
	values.Set(in.Name, strings.ReplaceAll(value, "\n", "\r\n"))
}
