package fault

import "github.com/gatewright/gatewright/engine/condition"

// Custom is how a policy answers in its own words (reference 1.6, 1.8, 3.9): a
// template for everything that it refuses, and rows of the catalogue of its own.
// It is embedded in the policy, so its members stand in the policy's JSON.
type Custom struct {
	Template
	// Messages are at most one for each type. Those that change nothing are
	// dropped.
	Messages []Message `json:"errorMessageList,omitempty"`
}

// Template is a whole answer as its author writes it.
type Template struct {
	// Build switches the template on. What is off is kept.
	Build bool `json:"buildCustomMessage,omitempty"`
	// Text is the body with placeholders; required when the template is on.
	Text string `json:"customMessageTemplate,omitempty"`
	// ContentType is a JSON, XML, HTML or plain text type. It says how values are
	// escaped. Default ContentType.
	ContentType string `json:"customMessageContentType,omitempty"`
	// Status is the HTTP status, 400 to 599; 0 means that of the error.
	Status int `json:"customMessageHttpStatusCode,omitempty"`
}

// Message is a row of the catalogue with other words: on the platform for every
// policy, in a policy for that one (reference 1.8).
type Message struct {
	Type Type `json:"errorType"`
	// Status, Code and Text take the place of the row's own; 0 and "" leave it.
	Status int    `json:"customizedHttpStatusCode,omitempty"`
	Code   string `json:"customizedErrorCode,omitempty"`
	Text   string `json:"customizedMessage,omitempty"`
	Template
	// Rules are asked in their order while the template is off; the first active
	// one whose condition is met answers.
	Rules []Rule `json:"errorResponseRuleList,omitempty"`
}

// Rule is an answer for some of the requests that meet an error.
type Rule struct {
	// Name is for people; at most problem.MaxName characters, unique in its row.
	Name string `json:"name"`
	// Active is false for a rule that is kept and not asked; nil means true.
	Active *bool `json:"active,omitempty"`
	// Condition says for which requests; without rules it is the catch-all.
	Condition condition.Condition `json:"condition,omitzero"`
	// Text, ContentType and Status are as in a Template.
	Text        string `json:"messageTemplate"`
	ContentType string `json:"contentType,omitempty"`
	Status      int    `json:"httpStatusCode,omitempty"`
}

// Bodies are the templates that an API proxy puts all its errors into, apart
// from those that a template of a policy or a rule has written whole.
type Bodies struct {
	JSON Body `json:"json,omitzero"`
	XML  Body `json:"xml,omitzero"`
	// Upstream also puts answers of the API with status 400 or more into the
	// templates; else they pass untouched.
	Upstream bool `json:"replaceApiErrors,omitempty"`
}

// Body is one of them.
type Body struct {
	Enabled bool `json:"enabled,omitempty"`
	// Text is the template; required when it is on.
	Text string `json:"template,omitempty"`
	// ContentType is of the template's kind. Defaults are application/json and
	// application/xml, both with charset=utf-8.
	ContentType string `json:"contentType,omitempty"`
}

// Empty tells that nothing is customized.
func (c *Custom) Empty() bool { return c.Template == Template{} && len(c.Messages) == 0 }

// Changes tells whether the row says anything of its own.
func (m *Message) Changes() bool {
	return m.Status != 0 || m.Code != "" || m.Text != "" || m.Template != Template{} || len(m.Rules) > 0
}

// On tells whether the rule is asked.
func (r *Rule) On() bool { return r.Active == nil || *r.Active }

// Limits of what can be written.
const (
	MaxTemplate = 64 << 10 // bytes
	MaxRules    = 20       // of one row
	MaxCode     = 50       // characters
	MaxMessage  = 1000     // characters
)
