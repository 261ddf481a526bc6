package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// GCloud is what was found of gcloud's configuration.
type GCloud struct {
	Dir           string // configuration directory; need not exist
	Configuration string // name of the active configuration; "NONE" for none
	Account       string // core/account, or what replaces it; may be empty
	AccountNamed  bool   // the account was asked for by name, or the configuration that has it
	Project       string
	Zone          string
	RunRegion     string // run/region

	TokenFile      string // auth/access_token_file
	CredentialFile string // auth/credential_file_override
	QuotaProject   string // billing/quota_project, if it is set
	NoCredentials  bool   // auth/disable_credentials: requests are sent without a token, for a proxy to add one
}

// gcloudProperties reads the properties of gcloud's active configuration that
// matter here. Each is overridden by CLOUDSDK_<SECTION>_<NAME>. The properties
// file of the gcloud installation, which few people have, is not read.
type gcloudProperties struct {
	effects Effects
	dir     string
	name    string
	asked   bool              // the configuration was asked for by name
	values  map[string]string // "section/name"
}

// loadGCloud finds the active configuration: flag, then
// CLOUDSDK_ACTIVE_CONFIG_NAME, then the file active_config, then "default".
// The name NONE is the empty configuration. One that was asked for by name and
// does not exist is an error; otherwise missing files are empty ones.
func loadGCloud(effects Effects, flag, home string) (gcloudProperties, error) {
	g := gcloudProperties{effects: effects, dir: gcloudDir(effects, home)}
	asked := flag
	if asked == "" {
		asked, _ = effects.LookupEnv("CLOUDSDK_ACTIVE_CONFIG_NAME")
	}
	g.name, g.asked = asked, asked != ""
	if g.name == "" && g.dir != "" {
		active, err := effects.ReadFile(g.dir + "/active_config")
		if err == nil {
			g.name = strings.TrimSpace(string(active))
		}
	}
	if g.name == "" {
		g.name = "default"
	}
	err := g.read()
	if err == nil || errors.Is(err, fs.ErrNotExist) && asked == "" {
		return g, nil
	}
	return g, &ConfigError{File: g.dir, Text: fmt.Sprintf("gcloud configuration %q: %v", g.name, err)}
}

// read reads the configuration's file.
func (g *gcloudProperties) read() error {
	if g.name == "NONE" || g.dir == "" {
		return nil
	}
	if !legalConfigurationName(g.name) {
		return errors.New("not a legal name")
	}
	data, err := g.effects.ReadFile(g.dir + "/configurations/config_" + g.name)
	g.values = parseINI(string(data))
	return err
}

// property returns the value of e.g. "core", "project". An environment variable
// that is set and empty hides the file's value, as in gcloud.
func (g gcloudProperties) property(section, name string) string {
	if value, set := g.effects.LookupEnv(variable(section, name)); set {
		return value
	}
	return g.values[section+"/"+name]
}

// isTrue reads a property that is a switch, as gcloud does.
func (g gcloudProperties) isTrue(section, name string) bool { return truth(g.property(section, name)) }

// truth is what gcloud takes for true.
func truth(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "on", "yes", "y":
		return true
	}
	return false
}

// isNamed says that the property's value is somebody's choice for this time, not
// the one that is always active: a variable has it, or a configuration that was
// asked for by name.
func (g gcloudProperties) isNamed(section, name string) bool {
	if value, set := g.effects.LookupEnv(variable(section, name)); set {
		return value != ""
	}
	return g.asked && g.values[section+"/"+name] != ""
}

// quotaProject is the project of billing/quota_project, which may be a word for
// one.
func (g gcloudProperties) quotaProject() string {
	switch value := g.property("billing", "quota_project"); value {
	case "CURRENT_PROJECT", "CURRENT_PROJECT_WITH_FALLBACK":
		return g.property("core", "project")
	case "LEGACY":
		return ""
	default:
		return value
	}
}

// variable names the environment variable that overrides a property.
func variable(section, name string) string {
	return "CLOUDSDK_" + strings.ToUpper(section) + "_" + strings.ToUpper(name)
}

func gcloudDir(effects Effects, home string) string {
	if dir, _ := effects.LookupEnv("CLOUDSDK_CONFIG"); dir != "" {
		return dir
	}
	if effects.OS == "windows" {
		if dir, _ := effects.LookupEnv("APPDATA"); dir != "" {
			return dir + `\gcloud`
		}
		return ""
	}
	if home == "" {
		return ""
	}
	return home + "/.config/gcloud"
}

// legalConfigurationName keeps a name from being a path.
func legalConfigurationName(name string) bool {
	for i, c := range name {
		letter, digit := 'a' <= c && c <= 'z', '0' <= c && c <= '9'
		if !letter && (i == 0 || !digit && c != '-') {
			return false
		}
	}
	return true
}

// parseINI reads what Python's configparser writes for gcloud: sections, keys
// without case, "=" or ":", whole-line comments, indented continuation lines.
// A line it cannot read is skipped. Keys come back as "section/name".
func parseINI(text string) map[string]string {
	values := map[string]string{}
	section, open := "", "" // open is the key that an indented line continues
	for line := range strings.Lines(text) {
		body := strings.TrimSpace(line)
		indented := line[0] == ' ' || line[0] == '\t'
		switch {
		case body == "" || body[0] == '#' || body[0] == ';':
		case indented && open != "":
			values[open] += "\n" + body
		case body[0] == '[' && body[len(body)-1] == ']':
			section, open = body[1:len(body)-1], ""
		default:
			i := strings.IndexAny(body, "=:")
			if i <= 0 {
				open = ""
				continue
			}
			open = section + "/" + strings.ToLower(strings.TrimSpace(body[:i]))
			values[open] = strings.TrimSpace(body[i+1:])
		}
	}
	return values
}
