package database

import (
	"strings"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/web/ui"
)

// drivers has the one that is chosen also when this build lacks it, or saving would change to another without a word.
func (c controls) drivers() []ui.OptionGroup {
	chosen := c.Values["driver"]
	var g ui.OptionGroup
	found := false
	for _, d := range c.known {
		g.Options = append(g.Options, ui.Option{Value: string(d.Name), Label: d.Label})
		found = found || string(d.Name) == chosen
	}
	switch {
	case chosen == "":
		g.Options = append([]ui.Option{{Label: "Choose one"}}, g.Options...)
	case !found:
		g.Options = append(g.Options, ui.Option{Value: chosen, Label: chosen + " (not in this build)"})
	}
	return []ui.OptionGroup{g}
}

var modes = []ui.Card{
	{Value: string(database.TLSRequired), Label: "TLS, certificate checked", Text: "Encrypts, and makes sure that it is this server.", Tag: "Recommended"},
	{
		Value: string(database.Plaintext), Label: "None: plain text",
		Text: "Whoever is on the way sees stored passwords and can let themselves in. On the same machine only.",
	},
}

var checks = []ui.Card{
	{
		Value: string(database.InColumn), Label: "The gateway, from a stored password", Tag: "Recommended",
		Text: "The query gives the stored password, which is checked here. The database never sees what was typed.",
	},
	{
		Value: string(database.InQuery), Label: "The query, with :password",
		Text: "The query compares; a row means that the password is right.",
	},
}

// words are how a choice is called and what it means.
type words struct{ label, text string }

const fast = "Whoever steals the table can try thousands of millions of passwords a second."

var encodingWords = map[password.Encoding]words{
	password.Auto:       {"Recognise it", "Tells the encodings apart by how they begin. Plain text and bare digests have to be chosen."},
	password.Argon2:     {"Argon2", "$argon2id$ and $argon2i$"},
	password.Bcrypt:     {"bcrypt", "$2a$, $2b$ and $2y$"},
	password.Scrypt:     {"scrypt", "$scrypt$ln=…,r=…,p=…$"},
	password.PBKDF2:     {"PBKDF2, SHA-2", "With SHA-256 or SHA-512, as Django and passlib write it."},
	password.SHA2Crypt:  {"crypt, SHA-2", "$5$ and $6$, as Unix has it"},
	password.SaltedSHA2: {"Salted SHA-2 of directories", "{SSHA256}, {SSHA512} and the like. " + fast},
	password.SHA512:     {"SHA-512, hexadecimal", "A bare digest. " + fast},
	password.SHA256:     {"SHA-256, hexadecimal", "A bare digest. " + fast},
	password.Plain:      {"Plain text", "Whoever reads the table has every password. Store them as Argon2 or bcrypt."},
}

func encodings() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, e := range password.Encodings() {
		w := encodingWords[e]
		if e == password.Auto {
			w.label += " (recommended)"
		}
		g.Options = append(g.Options, ui.Option{Value: string(e), Label: orElse(w.label, string(e)), Text: w.text})
	}
	return []ui.OptionGroup{g}
}

var positionWords = map[database.SaltPosition]string{
	database.SaltBefore: "Before the password", database.SaltAfter: "After the password",
}

func positions() []ui.OptionGroup {
	return []ui.OptionGroup{{Options: []ui.Option{
		{Value: string(database.SaltBefore), Label: positionWords[database.SaltBefore]},
		{Value: string(database.SaltAfter), Label: positionWords[database.SaltAfter]},
	}}}
}

func parameterEncodings() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, e := range database.ParameterEncodings() {
		g.Options = append(g.Options, ui.Option{Value: string(e), Label: parameterLabel(e), Text: parameterText(e)})
	}
	return []ui.OptionGroup{g}
}

// digests and texts are how the two halves of an encoding's name are said.
var (
	digests = map[string]string{
		"SHA512": "SHA-512", "SHA384": "SHA-384", "SHA256": "SHA-256", "SHA224": "SHA-224", "SHA1": "SHA-1", "MD5": "MD5",
	}
	texts = map[string]string{"HEX": "hexadecimal", "BASE64": "Base64"}
)

func parameterLabel(e database.ParameterEncoding) string {
	if e == database.NoEncoding {
		return "The password itself"
	}
	digest, text, _ := strings.Cut(string(e), "_")
	if digests[digest] == "" || texts[text] == "" {
		return string(e)
	}
	return digests[digest] + ", " + texts[text]
}

func parameterText(e database.ParameterEncoding) string {
	switch {
	case e == database.NoEncoding:
		return "For queries that hash by themselves. The database may write what it gets into its logs."
	case strings.HasPrefix(string(e), "MD5"), strings.HasPrefix(string(e), "SHA1"):
		return "A broken digest, for tables that have nothing else. " + fast
	}
	return "A bare digest without a salt. " + fast
}

// The examples are what most tables need; tests read them as statements of each syntax.
const (
	columnExample = "SELECT login, password_hash, email\nFROM users\nWHERE login = :username AND active"
	queryExample  = "SELECT login, email\nFROM users\nWHERE login = :username AND password_digest = :password AND active"
	roleExample   = "SELECT role FROM user_roles WHERE login = :username"
)
