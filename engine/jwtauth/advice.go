package jwtauth

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// Level tells how much a piece of advice matters.
type Level string

// The levels: a risk that somebody should have decided to take, and a remark.
const (
	Warning Level = "warning"
	Note    Level = "note"
)

// Advice is a remark on a setting that is allowed and may not be wise. It never
// stops a save.
type Advice struct {
	// Field is the JSON name of the setting.
	Field string
	Level Level
	// Text says what the setting leads to.
	Text string
	// Instead says what to do about it.
	Instead string
}

// Advise lists what to consider about a policy, in the order of the form. It
// may be asked about one that is not valid.
func Advise(c *Config) []Advice {
	var all []Advice
	for _, advise := range []func(*Config) (Advice, bool){
		adviseExpiry, adviseLifetime, adviseAlgorithm, adviseLeeway, adviseClearAuth, adviseHeader, adviseUnderscore,
	} {
		if a, ok := advise(c); ok {
			all = append(all, a)
		}
	}
	return all
}

func adviseExpiry(c *Config) (Advice, bool) {
	return Advice{
		Field: "tokenNeverExpires", Level: Warning,
		Text:    "A stolen token works for ever, and the key that signed it can never be retired.",
		Instead: "Let tokens expire: 15 minutes in production and 60 while developing are good values. A client can get a new one at any time.",
	}, c.TokenNeverExpires
}

func adviseLifetime(c *Config) (Advice, bool) {
	if c.TokenNeverExpires || c.TokenExpiresInUnit.problem(c.TokenExpiresInAmount) != "" {
		return Advice{}, false
	}
	const field = "tokenExpiresInAmount"
	switch life := c.Lifetime(); {
	case life > 24*time.Hour:
		return Advice{
			Field: field, Level: Warning,
			Text:    "A stolen token works until it expires, and these live longer than a day.",
			Instead: "Choose minutes or hours. A client can get a new token at any time.",
		}, true
	case life > 0 && life < time.Minute:
		return Advice{
			Field: field, Level: Note,
			Text:    "With less than a minute, clients ask for a token before nearly every call.",
			Instead: "Choose some minutes, unless each call is meant to have a token of its own.",
		}, true
	}
	return Advice{}, false
}

func adviseAlgorithm(c *Config) (Advice, bool) {
	a := Advice{Field: "jwtSignatureAlgorithm"}
	switch c.JWTSignatureAlgorithm.Kind() {
	case keys.HMAC:
		a.Level = Warning
		a.Text = "Whoever can verify these tokens can also forge them: one secret does both."
		a.Instead = "Choose RS256, or ES256 where many tokens are issued. Others then verify with a public key."
		return a, true
	case keys.PSS, keys.Ed:
		a.Level = Note
		a.Text = fmt.Sprintf("Older libraries do not know %s.", c.JWTSignatureAlgorithm)
		a.Instead = "Make sure that every API that verifies tokens by itself knows it, or choose RS256."
		return a, true
	}
	return a, false
}

func adviseLeeway(c *Config) (Advice, bool) {
	return Advice{
		Field: "leewaySeconds", Level: Note,
		Text:    fmt.Sprintf("An expired token is accepted for another %d seconds.", c.LeewaySeconds),
		Instead: "Keep the clocks of your machines in step and the leeway at 30 seconds or less.",
	}, c.LeewaySeconds > 60
}

func adviseClearAuth(c *Config) (Advice, bool) {
	return Advice{
		Field: "clearAuth", Level: Note,
		Text:    "The API receives the caller's token. It may log it or pass it on.",
		Instead: "Clear authentication data, unless the API verifies the token itself.",
	}, !c.ClearAuth
}

func adviseHeader(c *Config) (Advice, bool) {
	return Advice{
		Field: "userHeaderName", Level: Note,
		Text:    "Everyone who knows the product knows this header name. An API that can also be reached without the gateway would believe it.",
		Instead: "Use the name that your API expects, and let the API accept calls from the gateway only.",
	}, c.AddUserToHeader && strings.EqualFold(c.UserHeaderName, DefaultUserHeader)
}

func adviseUnderscore(c *Config) (Advice, bool) {
	return Advice{
		Field: "userHeaderName", Level: Note,
		Text:    "Some servers drop headers with an underscore in their name.",
		Instead: "Use hyphens.",
	}, c.AddUserToHeader && strings.Contains(c.UserHeaderName, "_")
}
