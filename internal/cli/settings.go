package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	envPrefix   = "GRAFT_"
	defaultFile = "graft.yaml"
	tokenKey    = "token" // the one setting that is no flag: other users can see flags

	// settingMark marks the flags that the environment and graft.yaml can set.
	settingMark = "graft-setting"
)

// setting makes settings of flags.
func setting(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.Lookup(name).Annotations = map[string][]string{settingMark: {}}
	}
}

func isSetting(f *pflag.Flag) bool {
	_, marked := f.Annotations[settingMark]
	return marked
}

// source is where settings come from, other than flags.
type source struct {
	values *koanf.Koanf
	label  func(key string) string // for messages
}

// applySettings gives every flag that the user did not set its value from the
// environment, else from the file.
func (p *program) applySettings(cmd *cobra.Command) error {
	sources, err := p.sources(cmd)
	if err != nil {
		return err
	}
	p.token.load(sources)
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || !isSetting(f) {
			return
		}
		for _, s := range sources {
			if !s.values.Exists(f.Name) {
				continue
			}
			if err := setFlag(f, s.values.Get(f.Name)); err != nil {
				failed = usagef("%s: %v", s.label(f.Name), err)
			}
			return
		}
	})
	if failed != nil {
		return failed
	}
	return p.flags.complete(p)
}

// setFlag sets a flag as if the user had, without marking it as changed.
func setFlag(f *pflag.Flag, value any) error {
	list, isList := f.Value.(pflag.SliceValue)
	switch value := value.(type) {
	case string:
		if isList {
			return list.Replace(splitList(value))
		}
		return f.Value.Set(value)
	case bool, int, int64, float64:
		if isList {
			return list.Replace([]string{fmt.Sprint(value)})
		}
		return f.Value.Set(fmt.Sprint(value))
	case []any:
		if !isList {
			return errors.New("takes one value, not a list")
		}
		var values []string
		for _, v := range value {
			values = append(values, fmt.Sprint(v))
		}
		return list.Replace(values)
	}
	return fmt.Errorf("has a %T where a plain value belongs", value)
}

func splitList(s string) []string {
	var values []string
	for v := range strings.SplitSeq(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// sources returns the sources of settings, the strongest first.
func (p *program) sources(cmd *cobra.Command) ([]source, error) {
	environment, err := p.envSource()
	if err != nil {
		return nil, err
	}
	configured, err := p.fileSource(cmd)
	if err != nil {
		return nil, err
	}
	return []source{environment, configured}, nil
}

// envSource reads the variables named after flags and, weaker, those of the old
// system. Empty variables are as good as absent.
func (p *program) envSource() (source, error) {
	values := koanf.New(".")
	names := map[string]string{}
	old := oldVariables()
	layers := []env.Opt{
		{TransformFunc: func(name, value string) (string, any) {
			variable, known := old[name]
			if !known || value == "" {
				return "", nil
			}
			names[variable.key] = name
			return variable.key, variable.prefix + value
		}},
		{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
			if value == "" {
				return "", nil
			}
			key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-"))
			names[key] = name
			return key, value
		}},
	}
	for _, layer := range layers {
		layer.EnvironFunc = func() []string { return p.env }
		// The delimiter must be none: a variable's name is a key as it is.
		if err := values.Load(env.Provider("", layer), nil); err != nil {
			return source{}, usagef("the environment can't be read: %v", err)
		}
	}
	return source{values, func(key string) string { return "environment variable " + names[key] }}, nil
}

// oldVariable says which setting an environment variable of the old system is.
type oldVariable struct {
	key    string
	prefix string // what its value lacks
}

func oldVariables() map[string]oldVariable {
	return map[string]oldVariable{
		"ADDON_MARKETPLACE_PORT":    {key: "marketplace-listen", prefix: loopback},
		"ADDONS_MANAGER_PORT":       {key: "engine-listen", prefix: loopback},
		"MARKETPLACE_ADDR":          {key: "marketplace"},
		"ORCHESTRATION_PLANE":       {key: "plane"},
		"DEFAULT_PROJECT_NAME":      {key: "project"},
		"MAX_CONTAINER_RETRIES":     {key: "max-container-retries"},
		"ADDONS_ID_LABEL":           {key: "id-label"},
		"ADDONS_SERVICE_NAME_LABEL": {key: "service-label"},
	}
}

// fileSource reads the configuration file. Only the one that nobody asked for
// may be missing.
func (p *program) fileSource(cmd *cobra.Command) (source, error) {
	path := p.flags.config
	if path == "" {
		path = p.getenv(envPrefix + "CONFIG")
	}
	values := koanf.New(".")
	s := source{values, func(key string) string { return path + ": " + key }}
	if path == "" {
		path = defaultFile
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return s, nil
		}
	}
	if err := values.Load(file.Provider(path), yaml.Parser()); err != nil {
		return s, usagef("the configuration file %s can't be read: %v", path, err)
	}
	known := settingNames(cmd.Root())
	for _, key := range values.Keys() {
		if !slices.Contains(known, key) {
			return s, usagef("%s: there is no setting %q%s", path, key, didYouMean(key, known))
		}
	}
	return s, nil
}

// settingNames are the keys that a configuration file may have: it is one for
// all commands.
func settingNames(root *cobra.Command) []string {
	names := []string{tokenKey}
	add := func(f *pflag.Flag) {
		if isSetting(f) && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	root.PersistentFlags().VisitAll(add)
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(add)
	}
	slices.Sort(names)
	return names
}

// getenv returns a variable of the program's environment.
func (p *program) getenv(name string) string {
	for _, line := range slices.Backward(p.env) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}
