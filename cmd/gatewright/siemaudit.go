package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/models"
)

// followEvery is how often the audit is looked at for what to send on.
const followEvery = time.Second

// auditEvent is an audit record on its way to a target; sent hears that it was
// taken.
type auditEvent struct {
	models.AuditRecord
	sent func()
}

// auditLine is an audit record as a line of JSON: a change, or a sign-in at the
// console.
type auditLine struct {
	Time          string          `json:"time"`
	Type          string          `json:"type"`
	Record        int64           `json:"record"`
	Action        string          `json:"action"`
	Outcome       string          `json:"outcome"`
	Kind          string          `json:"kind"`
	ObjectID      string          `json:"objectId,omitempty"`
	ObjectName    string          `json:"objectName,omitempty"`
	Project       string          `json:"project,omitempty"`
	Actor         string          `json:"actor,omitempty"`
	Client        string          `json:"client,omitempty"`
	BackTo        int64           `json:"backTo,omitempty"`
	CorrelationID string          `json:"correlationId,omitempty"`
	Before        json.RawMessage `json:"before,omitempty"`
	After         json.RawMessage `json:"after,omitempty"`
}

func auditLineOf(r *models.AuditRecord) auditLine {
	l := auditLine{
		Time: stamp(r.At), Type: "audit", Record: r.ID, Action: r.Action, Outcome: "ok", Kind: r.Kind, ObjectID: r.ObjectID, ObjectName: r.ObjectName,
		Project: r.Project, Actor: r.Actor, Client: r.Client, BackTo: r.BackTo, CorrelationID: r.CorrelationID, Before: r.Before, After: r.After,
	}
	if signIn(r.Action) {
		l.Type = "sign-in"
	}
	if strings.HasSuffix(r.Action, "FAILED") {
		l.Outcome = "refused"
	}
	return l
}

func signIn(action string) bool {
	return slices.Contains([]string{models.ActionSignedIn, models.ActionSignInFailed, models.ActionSignedOut}, action)
}

// audit leaves out what stood before and after, which no receiver has room for:
// the number of the record finds it.
func (s *syslogEncoder) audit(r *models.AuditRecord) []byte {
	severity, text := severityInfo, "configuration changed"
	l := auditLineOf(r)
	switch {
	case l.Outcome != "ok":
		severity, text = severityWarn, "sign-in to the console refused"
	case l.Type == "sign-in":
		text = "sign-in to the console"
	case r.Action == models.ActionDeleted:
		severity = severityNotice
	}
	return s.message(severity, r.At, "AUDIT_"+r.Action, text, []param{
		{"type", l.Type}, {"record", numberOrNone(int(l.Record))}, {"action", l.Action}, {"outcome", l.Outcome}, {"kind", l.Kind}, {"objectId", l.ObjectID},
		{"objectName", l.ObjectName}, {"project", l.Project}, {"actor", l.Actor}, {"client", l.Client}, {"backTo", numberOrNone(int(l.BackTo))},
		{"correlationId", l.CorrelationID},
	})
}

var errTargetsClosed = errors.New("the targets of --events are closed")

// name is that of all targets together, under which a follower of the audit
// stands.
func (l siemSinks) name() string {
	var names []string
	for _, s := range l {
		names = append(names, s.target.name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// sendAudit gives records to every target and waits until all were taken.
// Nothing of the audit is dropped: when a target takes none, it waits.
func (l siemSinks) sendAudit(ctx context.Context, records []models.AuditRecord) error {
	taken := make(chan struct{}, len(l)*len(records))
	for _, r := range records {
		for _, s := range l {
			if s.closed.Load() {
				return errTargetsClosed
			}
			select {
			case s.queue <- auditEvent{r, func() { taken <- struct{}{} }}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for range cap(taken) {
		select {
		case <-taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// followAudit sends audit records on until ctx ends.
func (s *service) followAudit(ctx context.Context) {
	follower := s.store.FollowAudit(s.siem.name())
	every(ctx, followEvery, func(ctx context.Context) {
		if err := follower.Next(ctx, s.siem.sendAudit); err != nil && ctx.Err() == nil {
			s.logger.Warn("audit not sent on; trying again", "error", err)
		}
	})
}
