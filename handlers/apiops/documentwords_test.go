package apiops_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Names of components become names of types in other people's programs, and texts
// are read by people who do not have our code.

var (
	// shapes of the code that say nothing to whoever calls.
	codeWords = regexp.MustCompile(`^(ListOf|LogOf|OneOf)|(Row|Item|View|Body|Entry)(Request|List|Log|Answer)?$|RequestRequest$`)
	// goNames are names of the code: two words in one that begins with a capital, or a
	// name of another package.
	goNames = regexp.MustCompile(`\b[a-z]+\.[A-Z]\w*|\b[A-Z][a-z]+[A-Z]\w*`)
	// ofOthers are such words that are no names of ours.
	ofOthers = []string{"OpenAPI", "MiB", "KiB", "UserRoles", "UserId", "IssuedAt"}
)

// texts tells of every text of the document by what it is about.
func texts(d *openapi3.T, tell func(about, text string)) {
	for name, s := range d.Components.Schemas {
		tell(name, s.Value.Description)
		for member, p := range s.Value.Properties {
			if p.Value != nil {
				tell(name+"."+member, p.Value.Description)
			}
		}
	}
	for path, item := range d.Paths.Map() {
		for method, op := range item.Operations() {
			about := method + " " + path
			tell(about, op.Summary)
			tell(about, op.Description)
			for _, p := range op.Parameters {
				tell(about+" "+p.Value.Name, p.Value.Description)
			}
		}
	}
}

func TestTheDocumentSpeaksOfNothingOfTheCode(t *testing.T) {
	t.Parallel()
	c := begin(t, ofTheProduct)
	for name := range c.doc.t.Components.Schemas {
		if codeWords.MatchString(name) {
			t.Errorf("a component is called %s", name)
		}
	}
	texts(c.doc.t, func(about, text string) {
		for _, word := range goNames.FindAllString(text, -1) {
			if !slices.Contains(ofOthers, word) {
				t.Errorf("%s speaks of %s: %s", about, word, text)
			}
		}
		if strings.Contains(text, "nil") {
			t.Errorf("%s speaks of nil: %s", about, text)
		}
	})
}

// Whoever generates a client gets the values that there are, where they are few.
func TestTheDocumentSaysWhichValuesThereAre(t *testing.T) {
	t.Parallel()
	c := begin(t, ofTheProduct)
	for member, some := range map[string]string{
		"JWTPolicyRequest.authenticationType": "SECRET_MANAGER", "Authorization.roleRequirement": "ANY", "Authorization.authorizationType": "LDAP", "Change.action": "REMOVE", "ConditionRule.conditionCriteria": "AND",
		"ConditionRule.valueComparisonOperator": "IS_NOT_EMPTY", "ConditionRule.variableDataType": "NUMERIC", "ConditionRule.secondValueSource": "VARIABLE",
		"ConditionVariable.type": "CONTEXT_VALUES", "ConditionVariable.paramType": "PATH", "ConditionVariable.messageContentType": "XML", "ConditionVariable.contextValue": "CLIENT_COUNTRY",
		"Message.errorType": "APIPROXY_NOTFOUND", "LDAPSource.authMode": "SEARCH", "LDAPSource.userScope": "ONE_LEVEL", "LDAPSource.memberStrategy": "USER_DN", "DatabaseSource.tls": "REQUIRED",
		"DatabaseSource.passwordCheck": "QUERY", "DatabaseSource.saltPosition": "AFTER", "APISource.bodyType": "FORM", "APISource.method": "POST", "AuditEvent.objectType": "POLICY_GROUP", "AuditEvent.action": "DEPLOYED",
		"SecurityEvent.kind": "FORGED_TOKEN", "ImportLine.type": "API_PROXY", "PackageType.type": "GLOBAL_POLICY", "ObjectRefRequest.type": "API_PROXY", "ImportKeyPair.type": "API_PROXY",
		"Endpoint.httpMethod": http.MethodPatch, "EndpointLanes.httpMethod": http.MethodPatch,
	} {
		name, property, _ := strings.Cut(member, ".")
		schema := c.doc.t.Components.Schemas[name]
		if schema == nil || schema.Value.Properties[property] == nil {
			t.Errorf("there is no %s", member)
			continue
		}
		if !slices.ContainsFunc(schema.Value.Properties[property].Value.Enum, func(v any) bool { return v == some }) {
			t.Errorf("%s does not say that it can be %s: %v", member, some, schema.Value.Properties[property].Value.Enum)
		}
	}
}
