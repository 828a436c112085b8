package errors

import (
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/web/conditions"
)

// Customized names what a row has of its own, in a few words each.
func Customized(m fault.Message) []string {
	var words []string
	add := func(on bool, text string) {
		if on {
			words = append(words, text)
		}
	}
	add(m.Build, "template")
	add(m.Status != 0, "status "+number(m.Status))
	add(m.Code != "", "error code")
	add(m.Text != "", "message")
	add(len(m.Rules) == 1, "1 rule")
	add(len(m.Rules) > 1, strconv.Itoa(len(m.Rules))+" rules")
	add(!m.Build && m.Template != (fault.Template{}), "template, switched off")
	return words
}

// Setting is one thing that is customized, in words.
type Setting struct {
	Label, Text string
	Code        bool // to be shown in the face of code
}

// Settings say everything that is customized, in the order of the form.
func Settings(c fault.Custom) []Setting {
	var list []Setting
	if c.Template != (fault.Template{}) {
		list = templateSettings("Template for everything", c.Template)
	}
	for _, m := range c.Messages {
		list = append(list, MessageSettings(m)...)
	}
	return list
}

// MessageSettings say what is customized of one row.
func MessageSettings(m fault.Message) []Setting {
	row, code := fault.Find(m.Type), codeOf(m.Type)
	var list []Setting
	if m.Template != (fault.Template{}) {
		list = templateSettings(code+" template", m.Template)
	}
	if m.Status != 0 {
		list = append(list, Setting{Label: code + " HTTP status", Text: statusText(m.Status) + " instead of " + number(row.Status)})
	}
	if m.Code != "" {
		list = append(list, Setting{Label: code + " error code", Text: m.Code, Code: true})
	}
	if m.Text != "" {
		list = append(list, Setting{Label: code + " message", Text: m.Text})
	}
	for i, r := range m.Rules {
		label := code + " response rule " + strconv.Itoa(i+1)
		list = append(list, Setting{Label: label, Text: ruleWords(r)}, Setting{Label: label + ", template", Text: r.Text, Code: true})
	}
	return list
}

func templateSettings(label string, t fault.Template) []Setting {
	state := "Off, kept"
	if t.Build {
		state = "On"
	}
	list := []Setting{{Label: label, Text: state + ": " + answerWords(t.Status, t.ContentType)}}
	if t.Text != "" {
		list = append(list, Setting{Label: label + ", text", Text: t.Text, Code: true})
	}
	return list
}

func ruleWords(r fault.Rule) string {
	words := r.Name + ": " + answerWords(r.Status, r.ContentType) + ". " + conditions.Sentence(r.Condition)
	if r.Active != nil && !*r.Active {
		words += " Passive, so it is not asked."
	}
	return words
}

func answerWords(status int, contentType string) string {
	words := "the status of the error"
	if status != 0 {
		words = "status " + number(status)
	}
	return words + ", " + orElse(contentType, fault.ContentType)
}

// AuditLabel is how people know a field of an audit record: "errorMessageList[POLICY_AUTH_JWT_NOT_VALID].customizedMessage",
// or on the platform "customizedMessage". It is "" for fields that are not of error messages.
func AuditLabel(field string) string {
	rest, inList := strings.CutPrefix(field, "errorMessageList[")
	if !inList {
		return auditPart(field)
	}
	name, member, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return codeOf(fault.Type(name)) + " " + lowerFirst(orElse(auditPart(strings.TrimPrefix(member, ".")), strings.TrimPrefix(member, ".")))
}

func auditPart(member string) string {
	if m := rulePath.FindStringSubmatch(member); m != nil {
		return "Response rule " + strconv.Itoa(atoi(m[1])+1) + ", " + lowerFirst(orElse(auditLabels[m[2]], m[2]))
	}
	return auditLabels[member]
}

var auditLabels = map[string]string{
	"errorType": "Error", "customizedHttpStatusCode": "HTTP status", "customizedErrorCode": "Error code", "customizedMessage": "Message",
	"buildCustomMessage": "Template switched on", "customMessageTemplate": "Template", "customMessageContentType": "Content type of the template",
	"customMessageHttpStatusCode": "HTTP status of the template", "messageTemplate": "Template", "contentType": "Content type", "httpStatusCode": "HTTP status",
	"name": "Name", "active": "Active",
}

func lowerFirst(text string) string {
	if text == "" || strings.HasPrefix(text, "HTTP") {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
