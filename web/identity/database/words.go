package database

import (
	"strconv"

	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Settings implements webidentity.Form. What has no effect is not said.
func (f Form) Settings(v webidentity.Values) []webidentity.Setting {
	w := &webidentity.Words{Values: v, Labels: labels, Section: serverSection}
	f.sayServer(w)
	w.Section = tlsSection
	sayEncryption(w)
	w.Section = passwordSection
	sayPasswords(w)
	w.Section = userSection
	sayUsers(w)
	w.Section = connectionSection
	w.Say("idleConnections", v["idleConnections"])
	w.Say("connectionLifetimeSeconds", v["connectionLifetimeSeconds"]+" seconds")
	return w.List
}

func (f Form) sayServer(w *webidentity.Words) {
	d, ok := f.fresh().Drivers().Find(database.DriverName(w.Values["driver"]))
	if !ok {
		d.Label = w.Values["driver"]
	}
	w.Say("driver", d.Label)
	w.Code("host")
	w.CodeOr("port", usual(d))
	w.Code("database")
	w.Code("username")
}

// usual says what an empty port means.
func usual(d database.Driver) string {
	if d.Port == 0 {
		return "The usual one"
	}
	return strconv.Itoa(d.Port) + ", the usual one"
}

func sayEncryption(w *webidentity.Words) {
	if !encrypted(w.Values) {
		w.Say("tls", "None: plain text")
		return
	}
	w.Say("tls", "TLS, certificate checked")
	w.CodeOr("caCertificates", "Those of the system")
	w.CodeOr("serverName", "The server's")
}

func sayPasswords(w *webidentity.Words) {
	if inQuery(w.Values) {
		w.Say("passwordCheck", "The query, with :password")
		w.Code("query")
		w.Say("parameterEncoding", parameterLabel(database.ParameterEncoding(w.Values["parameterEncoding"])))
		return
	}
	w.Say("passwordCheck", "The gateway, from a stored password")
	w.Code("query")
	w.Code("passwordColumn")
	w.Say("passwordEncoding", encodingWords[password.Encoding(w.Values["passwordEncoding"])].label)
	if !salted(w.Values) {
		return
	}
	w.CodeOr("saltColumn", "None: digests have no salt")
	if positioned(w.Values) {
		w.Say("saltPosition", positionWords[database.SaltPosition(w.Values["saltPosition"])])
	}
}

func sayUsers(w *webidentity.Words) {
	w.CodeOr("userColumn", "None: names are as typed")
	w.CodeOr("roleQuery", "None: nobody has roles")
	if hasRoles(w.Values) {
		w.Say("roleSeparator", separatorWords(w.Values["roleSeparator"]))
	}
	for i, c := range readClaims(w.Values) {
		w.List = append(w.List, webidentity.Setting{
			Section: userSection, Label: "Claim " + strconv.Itoa(i+1), Text: c.Claim + " from " + c.Column,
		})
	}
}

func separatorWords(separator string) string {
	switch separator {
	case "":
		return "Nothing: one role a row"
	case " ":
		return "A blank"
	}
	return separator
}
