package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"

	"github.com/gatewright/gatewright/web/ui"
)

// Control is the control of a field with what was typed and what is wrong with it.
func (f Fields) Control(label, name, help string) ui.Field {
	return ui.Field{Name: name, Label: label, Value: f.Values[name], Error: f.Problems.For(name), Help: help, Attrs: f.First(name)}
}

// DropEmptyRows takes out of a list the rows that hold nothing but blanks in the named fields; a list of plain texts has
// the field "". Problems count the rows that are left, so that Read and a page with problems drop the same ones.
func (v Values) DropEmptyRows(list string, fields ...string) {
	for row := v.Rows(list) - 1; row >= 0; row-- {
		typed := ""
		for _, field := range fields {
			typed += strings.TrimSpace(v[Row(list, row, field)])
		}
		if typed == "" {
			v.removeRow(list, row)
		}
	}
}

// Words collects settings in words.
type Words struct {
	Values  Values
	Labels  []Label
	Section string // of what is said next
	List    []Setting
}

// Say adds a setting in words of its own.
func (w *Words) Say(field, text string) {
	w.List = append(w.List, Setting{Section: w.Section, Label: labelOf(w.Labels, field), Text: text})
}

// Code adds what is typed, in the face of code.
func (w *Words) Code(field string) {
	w.List = append(w.List, Setting{Section: w.Section, Label: labelOf(w.Labels, field), Text: w.Values[field], Code: true})
}

// CodeOr is Code, or says what an empty field means.
func (w *Words) CodeOr(field, empty string) {
	if strings.TrimSpace(w.Values[field]) == "" {
		w.Say(field, empty)
		return
	}
	w.Code(field)
}

// Certificates says whose certificates are in a field, and enough of their fingerprints to tell two of one name apart.
func (w *Words) Certificates(field, empty string) {
	var list []string
	for rest := []byte(w.Values[field]); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		list = append(list, certificateText(block.Bytes))
	}
	if len(list) == 0 {
		w.CodeOr(field, empty)
		return
	}
	w.Say(field, strings.Join(list, "; "))
}

func certificateText(der []byte) string {
	sum := sha256.Sum256(der)
	fingerprint := "SHA-256 " + hex.EncodeToString(sum[:8])
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "Not a certificate, " + fingerprint
	}
	return c.Subject.String() + ", until " + c.NotAfter.UTC().Format(time.DateOnly) + ", " + fingerprint
}

// Choice says what is chosen in a Select, and Card what is among RadioCards.
func (w *Words) Choice(field string, groups []ui.OptionGroup) {
	text := w.Values[field]
	for _, g := range groups {
		for _, o := range g.Options {
			if o.Value == w.Values[field] {
				text = o.Label
			}
		}
	}
	w.Say(field, text)
}

// Card is described at Choice.
func (w *Words) Card(field string, cards []ui.Card) {
	text := w.Values[field]
	for _, c := range cards {
		if c.Value == w.Values[field] {
			text = c.Label
		}
	}
	w.Say(field, text)
}

// YesNo adds a box.
func (w *Words) YesNo(field string) {
	if w.Values.On(field) {
		w.Say(field, "Yes")
		return
	}
	w.Say(field, "No")
}
