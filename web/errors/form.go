// Package errors owns the pages of error messages: the editor of rows of the catalogue, which a policy's form and the
// platform's page share, how rows read in words, the preview of an answer, and the list of the platform's catalogue.
//
// The state of a form is what was typed, by field name. The row POLICY_AUTH_JWT_NOT_VALID has fields such as
// errors.POLICY_AUTH_JWT_NOT_VALID.status, its second rule errors.POLICY_AUTH_JWT_NOT_VALID.rules.1.name; the template
// for everything that a policy refuses has errors.all.template.
package errors

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/conditions"
)

// The fields that are not a row's.
const (
	prefix     = "errors."
	all        = prefix + "all." // the template for everything
	focusField = prefix + "focus"
	openField  = prefix + "open" // the row that the last button was about
)

// fieldsOfRow begins the names of a row's fields.
func fieldsOfRow(t fault.Type) string { return prefix + string(t) + "." }

func fieldsOfRule(row string, i int) string { return row + "rules." + strconv.Itoa(i) + "." }

func place(rule string) conditions.Place { return conditions.Place(rule) }

// Starting is what the editor of a template begins with.
const Starting = `{
  "statusCode": #FAULTSTATUSCODE#,
  "errorCode": "#FAULTCODE#",
  "message": "#FAULTMESSAGE#",
  "correlationId": "#CORRELATIONID#"
}`

// Write puts what a policy answers in its own words into v.
func Write(v map[string]string, c fault.Custom) {
	writeTemplate(v, all, c.Template)
	for i := range c.Messages {
		WriteMessage(v, c.Messages[i])
	}
}

// WriteMessage puts one row into v.
func WriteMessage(v map[string]string, m fault.Message) {
	row := fieldsOfRow(m.Type)
	v[row+"status"], v[row+"code"], v[row+"message"] = number(m.Status), m.Code, m.Text
	writeTemplate(v, row, m.Template)
	for i := range m.Rules {
		writeRule(v, fieldsOfRule(row, i), m.Rules[i])
	}
}

// WritePreview puts how a preview of a row is drawn into v: for a "token" request or a "call", in "json" or "xml".
func WritePreview(v map[string]string, t fault.Type, as, speaks string) {
	v[fieldsOfRow(t)+"as"], v[fieldsOfRow(t)+"speaks"] = as, speaks
}

func writeTemplate(v map[string]string, at string, t fault.Template) {
	tick(v, at+"build", t.Build)
	v[at+"template"], v[at+"type"], v[at+"answer"] = t.Text, t.ContentType, number(t.Status)
}

func writeRule(v map[string]string, at string, r fault.Rule) {
	v[at+"kind"] = "rule"
	tick(v, at+"active", r.Active == nil || *r.Active)
	v[at+"name"], v[at+"template"], v[at+"type"], v[at+"answer"] = r.Name, r.Text, r.ContentType, number(r.Status)
	place(at).Write(v, r.Condition)
}

func tick(v map[string]string, name string, on bool) {
	delete(v, name)
	if on {
		v[name] = "true"
	}
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Read is the reverse of Write; rows that change nothing are left out. It reports text that is not what its control
// holds, by the control's name; what the values mean is checked by Custom.Validate.
func Read(v map[string]string) (fault.Custom, problem.List) {
	r := reader{v: v}
	c := fault.Custom{Template: r.template(all)}
	for _, t := range typesIn(v) {
		if m := r.message(t); m.Changes() {
			c.Messages = append(c.Messages, m)
		}
	}
	return c, r.problems
}

// ReadMessage reads one row, also one that changes nothing.
func ReadMessage(v map[string]string, t fault.Type) (fault.Message, problem.List) {
	r := reader{v: v}
	return r.message(t), r.problems
}

// typesIn are the types that v has fields of, in the order of the catalogue.
func typesIn(v map[string]string) []fault.Type {
	found := map[fault.Type]bool{}
	for name := range v {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			t, _, _ := strings.Cut(rest, ".")
			found[fault.Type(t)] = true
		}
	}
	var types []fault.Type
	for _, row := range fault.Rows() {
		if found[row.Type] {
			types = append(types, row.Type)
		}
	}
	return types
}

type reader struct {
	v        map[string]string
	problems problem.List
}

func (r *reader) message(t fault.Type) fault.Message {
	row := fieldsOfRow(t)
	m := fault.Message{
		Type: t, Status: r.status(row + "status"), Code: strings.TrimSpace(r.v[row+"code"]), Text: r.text(row + "message"), Template: r.template(row),
	}
	for i := 0; i <= fault.MaxRules && r.v[fieldsOfRule(row, i)+"kind"] != ""; i++ {
		m.Rules = append(m.Rules, r.rule(fieldsOfRule(row, i)))
	}
	return m
}

// template forgets the text that every editor begins with, as long as nobody switched it on.
func (r *reader) template(at string) fault.Template {
	t := fault.Template{Build: r.v[at+"build"] == "true", Text: r.text(at + "template")}
	t.ContentType, t.Status = strings.TrimSpace(r.v[at+"type"]), r.status(at+"answer")
	if !t.Build && slices.Equal(strings.Fields(t.Text), strings.Fields(Starting)) {
		t.Text = ""
	}
	return t
}

func (r *reader) rule(at string) fault.Rule {
	rule := fault.Rule{
		Name: strings.TrimSpace(r.v[at+"name"]), Text: r.text(at + "template"), ContentType: strings.TrimSpace(r.v[at+"type"]), Status: r.status(at + "answer"),
	}
	if r.v[at+"active"] != "true" {
		rule.Active = new(bool)
	}
	c, problems := place(at).Read(r.v)
	rule.Condition, r.problems = c, append(r.problems, problems...)
	return rule
}

// text is what was typed; browsers send line breaks as two characters.
func (r *reader) text(field string) string { return strings.ReplaceAll(r.v[field], "\r\n", "\n") }

func (r *reader) status(field string) int {
	text := strings.TrimSpace(r.v[field])
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 { // 0 would mean that nothing was typed
		r.problems.Add(field, "Enter a status from 400 to 599, or leave it empty.")
		return 0
	}
	return n
}

// Owns tells whether a problem's field, or the name of a control, is one of these.
func Owns(field string) bool {
	for _, own := range []string{prefix, "errorMessageList", "buildCustomMessage", "customMessage"} {
		if strings.HasPrefix(field, own) {
			return true
		}
	}
	return false
}

// members are the controls for the members of a template, a row and a rule in JSON.
var members = map[string]string{
	"buildCustomMessage": "build", "customMessageTemplate": "template", "customMessageContentType": "type", "customMessageHttpStatusCode": "answer",
	"errorType": "status", "customizedHttpStatusCode": "status", "customizedErrorCode": "code", "customizedMessage": "message", "errorResponseRuleList": "add-rule",
}

var ruleMembers = map[string]string{
	"name": "name", "active": "active", "messageTemplate": "template", "contentType": "type", "httpStatusCode": "answer",
}

var (
	messagePath = regexp.MustCompile(`^errorMessageList\[(\d+)\]\.?(.*)$`)
	rulePath    = regexp.MustCompile(`^errorResponseRuleList\[(\d+)\]\.?(.*)$`)
)

// Locate turns the fields of problems, which are paths in the policy's JSON, into the names of the controls that hold
// the text. Problems of other fields stay as they are.
func Locate(v map[string]string, problems problem.List) problem.List {
	c, _ := Read(v)
	c.Normalize() // as Validate has counted
	out := make(problem.List, len(problems))
	for i, p := range problems {
		out[i] = p
		if m := messagePath.FindStringSubmatch(p.Field); m != nil {
			if at := atoi(m[1]); at < len(c.Messages) {
				out[i] = locateInRow(v, fieldsOfRow(c.Messages[at].Type), problem.Problem{Field: m[2], Message: p.Message})
			}
		} else if own, ok := members[p.Field]; ok && p.Field != "errorType" {
			out[i].Field = all + own
		}
	}
	return out
}

func locateInRow(v map[string]string, row string, p problem.Problem) problem.Problem {
	m := rulePath.FindStringSubmatch(p.Field)
	if m == nil {
		own, ok := members[p.Field]
		if !ok {
			own = "status"
		}
		return problem.Problem{Field: row + own, Message: p.Message}
	}
	rule, member := fieldsOfRule(row, atoi(m[1])), m[2]
	if rest, ok := strings.CutPrefix(member, "condition"); ok {
		return place(rule).Locate(v, problem.Problem{Field: strings.TrimPrefix(rest, "."), Message: p.Message})
	}
	own, ok := ruleMembers[member]
	if !ok {
		own = "name"
	}
	return problem.Problem{Field: rule + own, Message: p.Message}
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

var control = regexp.MustCompile(`^errors\.([A-Za-z0-9_]+)\.(?:rules\.(\d+)\.)?(.*)$`)

// Label is how people know a control.
func Label(field string) string {
	m := control.FindStringSubmatch(field)
	if m == nil {
		return ""
	}
	of := " of " + codeOf(fault.Type(m[1]))
	if prefix+m[1]+"." == all {
		of = " of the template for everything"
	}
	if m[2] == "" {
		return partLabels[m[3]] + of
	}
	n := atoi(m[2])
	of = " of response rule " + strconv.Itoa(n+1) + of
	if strings.HasPrefix(m[3], "condition.") {
		return place(fieldsOfRule(prefix+m[1]+".", n)).Label(field) + " in the condition" + of
	}
	return partLabels[m[3]] + of
}

var partLabels = map[string]string{
	"status": "HTTP status", "code": "Error code", "message": "Message", "build": "Write the whole answer", "template": "Template",
	"type": "Content type", "answer": "HTTP status of the answer", "add-rule": "Response rules", "name": "Name", "active": "Active",
}

// codeOf is the code of a row. Of a type that is not known it is the type: the row of another would be a lie.
func codeOf(t fault.Type) string {
	if !t.Known() {
		return string(t)
	}
	return fault.Find(t).Code
}

// CountOf is how many rows are customized.
func CountOf(v map[string]string) int {
	c, _ := Read(v)
	return len(c.Messages)
}
