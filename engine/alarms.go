package engine

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
)

// alarmRate is how often one kind of security event about one subject from one
// network is reported. An attacker must not fill the record that tells of him.
var alarmRate = guess.Rate{Burst: 3, Every: time.Minute}

// flooding are the events that a caller can cause as often as he likes.
var flooding = map[event.SecurityKind]bool{
	event.LoginsThrottled: true, event.ForgedToken: true, event.RevokedTokenUsed: true, event.AddressRefused: true,
	event.ForgingThrottled: true,
}

type alarmKey struct {
	kind        event.SecurityKind
	environment string
	network     netip.Addr
}

// limitedAlarms is a sink that drops security events which come too often.
type limitedAlarms struct {
	event.Sink
	throttle *guess.Throttle[alarmKey]
}

func limitAlarms(to event.Sink, now func() time.Time) event.Sink {
	return limitedAlarms{to, guess.NewThrottle[alarmKey](alarmRate, now)}
}

// Security hands the event on unless its like came often already.
func (l limitedAlarms) Security(e event.Security) {
	if flooding[e.Kind] {
		if _, ok := l.throttle.Take(alarmKey{e.Kind, e.Environment, guess.Network(e.Client)}); !ok {
			return
		}
	}
	l.Sink.Security(e)
}

// alarm reports what a policy found that somebody should know of.
func (c *call) alarm(r *policy.Rejection) {
	e := event.Security{
		Time: c.started, Kind: r.Alarm, Environment: c.snap.environment, Client: c.x.Client, CorrelationID: c.id,
		Subject: c.x.Identity.Subject,
	}
	if o := c.route.owner; o != nil {
		e.Project, e.Owner = o.project, o.name
	}
	if r.Cause != nil {
		e.Detail = r.Cause.Error()
	}
	var who *jwtauth.Refused
	if errors.As(r.Cause, &who) {
		e.Subject = who.Subject
	}
	c.g.sink.Security(e)
}
