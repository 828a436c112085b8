package tokens

import (
	"strconv"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/ui"
)

// Event is one line of the log of security events.
type Event struct {
	ID int64
	event.Security
}

// EventsPage is everything the list of security events shows.
type EventsPage struct {
	Frame               layout.Props
	Query               Query
	Problems            problem.List
	Rows                []Event
	Pages               Older
	Now                 time.Time
	Environments, Kinds []string
}

// EventPage is everything the page of one security event shows.
type EventPage struct {
	Frame layout.Props
	Event Event
	Now   time.Time
}

func (e Event) id() string { return strconv.FormatInt(e.ID, 10) }

func (e Event) client() string {
	if !e.Client.IsValid() {
		return ""
	}
	return e.Client.String()
}

// tone tells attacks from what people and machines do in their work.
func (e Event) tone() ui.Tone {
	switch e.Kind {
	case event.RefreshReused, event.ForgedToken, event.ForgingThrottled, event.RevokedTokenUsed:
		return ui.ToneDanger
	case event.LoginsThrottled, event.AddressRefused, event.SourceFailing, event.KeyRevoked:
		return ui.ToneWarning
	case event.SourceRecovered:
		return ui.ToneSuccess
	}
	return ui.ToneNeutral
}

// advice says what a kind of event means and what to do about it.
func (e Event) advice() string {
	switch e.Kind {
	case event.RefreshReused:
		return "A refresh token that had been exchanged came again after its window. Either it was stolen, or a client keeps two copies. The login has been ended; if the user did nothing unusual, have the password or the client secret changed."
	case event.ForgedToken:
		return "Somebody sent a token of ours whose signature is wrong. It was refused. Many from one address are an attack; a single one may be a client that cut a token off."
	case event.ForgingThrottled:
		return "So many tokens with wrong signatures came from one address that the signatures of tokens which the node has not seen before are checked only now and then. Callers behind that address whose tokens it knows notice nothing; others are told to try again."
	case event.RevokedTokenUsed:
		return "A token that had been revoked came again. It was refused. The client may not have noticed that its login ended."
	case event.LoginsThrottled:
		return "There were too many wrong guesses at one name or from one address, so that further ones have to wait. Look at the token requests of the same address."
	case event.AddressRefused:
		return "The secret was right, but the address is not among those that may use it. If the client moved, add its address; if not, change the secret."
	case event.SourceFailing:
		return "An identity source does not answer. Logins that need it are refused until it does; nobody is let in without it."
	case event.SourceRecovered:
		return "The identity source answers again. Logins work as before."
	case event.TokensRevoked:
		return "Tokens were revoked by a person or with a credential. The audit list has the same with every detail."
	case event.KeyRotated:
		return "Another key signs from now on. Tokens of the previous one stay valid until they expire."
	case event.KeyRevoked:
		return "A signing key was revoked. Every token that it signed is refused."
	}
	return ""
}
