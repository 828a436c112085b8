package models_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// saying is a message with a text of its own.
func saying(text string) fault.Message { return fault.Message{Type: fault.RoleMissing, Text: text} }

// ruled is a message with one rule.
func ruled(c condition.Condition, template string) fault.Message {
	return fault.Message{Type: fault.RoleMissing, Rules: []fault.Rule{{Name: "Some", Condition: c, Text: template, ContentType: "text/plain"}}}
}

// within is a condition of one rule on the client's address.
func within(networks string) condition.Condition {
	return condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: condition.ClientAddress},
		DataType: condition.String, Operator: "IN", Source: condition.FromValue, SecondValue: networks,
	}}}
}

func (b bench) message(t *testing.T) models.ErrorMessage {
	t.Helper()
	m, err := b.ErrorMessage(t.Context(), fault.RoleMissing)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (b bench) say(t *testing.T, version int, m fault.Message) models.ErrorMessage {
	t.Helper()
	saved, err := b.SaveErrorMessage(t.Context(), by, version, m)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func (b bench) generations(t *testing.T) map[string]int64 {
	t.Helper()
	all, err := b.Environments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	generations := map[string]int64{}
	for _, e := range all {
		generations[e.Name] = e.Generation
	}
	return generations
}

func TestAnErrorMessageIsSavedAndResetAndTakesEffectEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	if got, want := s.message(t), (models.ErrorMessage{Message: fault.Message{Type: fault.RoleMissing}}); !cmp.Equal(got, want) {
		t.Errorf("before any change: %+v", got)
	}
	on, off := true, false
	whole := fault.Message{
		Type: fault.RoleMissing, Status: 404, Code: "SHOP-1", Text: "Ask for the \"role\"\nat İş.",
		Template: fault.Template{Build: true, Text: `{"id":"#CORRELATIONID#"}`, ContentType: "application/json", Status: 409},
		Rules: []fault.Rule{
			{Name: "Near", Active: &off, Condition: within("10.0.0.0/8"), Text: "Near.", ContentType: "text/plain", Status: 451},
			{Name: "Else", Active: &on, Text: "<else/>", ContentType: "text/xml"},
		},
	}
	for i, step := range []struct {
		m     fault.Message
		wants []fault.Message
	}{
		{whole, []fault.Message{whole}},
		{saying("Other words."), []fault.Message{saying("Other words.")}},
		{fault.Message{Type: fault.RoleMissing}, nil},
		{saying("And again."), []fault.Message{saying("And again.")}},
	} {
		before := s.generations(t)
		saved := s.say(t, i, step.m)
		if saved.Version != i+1 || saved.UpdatedBy != by.Name || saved.UpdatedAt.IsZero() {
			t.Errorf("step %d: saved %+v", i, saved)
		}
		if diff := cmp.Diff(saved, s.message(t)); diff != "" {
			t.Errorf("step %d: saved and read differ (-saved +read):\n%s", i, diff)
		}
		list, err := s.ErrorMessages(t.Context())
		if err != nil || len(list) != len(step.wants) {
			t.Errorf("step %d: listed %+v, %v", i, list, err)
		}
		for name, generation := range s.generations(t) {
			if generation != before[name]+1 {
				t.Errorf("step %d: %s is at %d, was at %d", i, name, generation, before[name])
			}
			b, err := s.Bundle(t.Context(), name)
			if diff := cmp.Diff(step.wants, b.Messages, cmpopts.EquateEmpty()); err != nil || diff != "" || b.Values != nil {
				t.Errorf("step %d: %v, values %v; the bundle of %s has (-want +got):\n%s", i, err, b.Values, name, diff)
			}
		}
	}
	records, _, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: models.KindErrorMessage})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		whole, err := s.AuditRecord(t.Context(), models.Everywhere, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Action, " ", r.ObjectName, " ", strings.Contains(string(whole.Before), "words"), " ", strings.Contains(string(whole.After), "words")))
	}
	const name = string(fault.RoleMissing)
	if diff := cmp.Diff([]string{"CREATED " + name + " false false", "DELETED " + name + " true false", "UPDATED " + name + " false true", "CREATED " + name + " false false"}, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestAResetOfWhatIsAsItComesDoesNothing(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for version := range 3 {
		if version == 1 {
			s.say(t, 0, saying("Mine."))
			s.say(t, 1, fault.Message{Type: fault.RoleMissing})
			continue
		}
		before := s.generations(t)
		_, records, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.say(t, version, fault.Message{Type: fault.RoleMissing}); got.Version != version {
			t.Errorf("at version %d: %+v", version, got)
		}
		if _, after, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{}); err != nil || after != records || !maps.Equal(before, s.generations(t)) {
			t.Errorf("at version %v: %v records, then %v, %v; generations %v, then %v", version, records, after, err, before, s.generations(t))
		}
	}
}

func TestAStaleErrorMessageIsNeverSaved(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	s.say(t, 0, saying("First."))
	s.say(t, 1, fault.Message{Type: fault.RoleMissing})
	for name, tt := range map[string]struct {
		version int
		m       fault.Message
	}{
		"from before the first change":      {0, saying("Mine.")},
		"from before the reset":             {1, saying("Mine.")},
		"a reset from before the reset":     {1, fault.Message{Type: fault.RoleMissing}},
		"from a version that is none":       {7, saying("Mine.")},
		"a reset from before it was there":  {0, fault.Message{Type: fault.RoleMissing}},
		"from a version that is impossible": {-1, saying("Mine.")},
	} {
		_, err := s.SaveErrorMessage(t.Context(), by, tt.version, tt.m)
		stale := wantStale(t, err)
		if now, ok := stale.Current.(models.ErrorMessage); !ok || !cmp.Equal(now, s.message(t)) || stale.Version != 2 || stale.By != by.Name || stale.Kind != models.KindErrorMessage {
			t.Errorf("%s: %+v", name, stale)
		}
	}
	s.say(t, 2, saying("Again."))
	_, err := s.SaveErrorMessage(t.Context(), by, 1, saying("Mine.")) // the version of the first words
	wantStale(t, err)
	if got := s.message(t); got.Text != "Again." {
		t.Errorf("it says %q", got.Text)
	}
}

func TestOfTwoWhoSaveAnErrorMessageAtOnceOneIsStale(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for version := range 3 { // the first time there is no row yet
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = s.SaveErrorMessage(t.Context(), by, version, saying(fmt.Sprint("By ", i, " after ", version)))
			})
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			if err == nil && won < 0 {
				won = i
				continue
			}
			wantStale(t, err)
		}
		if got := s.message(t); got.Version != version+1 || got.Text != fmt.Sprint("By ", won, " after ", version) {
			t.Errorf("%d won, and it says %+v", won, got)
		}
	}
}

func TestWhatAnErrorMessageMayNotBe(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	if _, err := s.SaveVariable(t.Context(), by, s.project, "", 0, byHeader("stage", "X-Environment")); err != nil {
		t.Fatal(err)
	}
	template := func(text string) fault.Template { return fault.Template{Build: true, Text: text} }
	of := func(change func(*fault.Message)) fault.Message {
		m := fault.Message{Type: fault.RoleMissing}
		change(&m)
		return m
	}
	for name, tt := range map[string]struct {
		m     fault.Message
		field string
	}{
		"text that no database has":       {saying("a\x00b"), "customizedMessage"},
		"a template that none has":        {of(func(m *fault.Message) { m.Template = fault.Template{Text: "a\x00b", ContentType: "text/plain"} }), "customMessageTemplate"},
		"of an unknown type":              {fault.Message{Type: "NO_SUCH", Text: "x"}, "errorType"},
		"of no type":                      {fault.Message{Text: "x"}, "errorType"},
		"a status that is none":           {of(func(m *fault.Message) { m.Status = 99 }), "customizedHttpStatusCode"},
		"a text that is too long":         {saying(strings.Repeat("ş", fault.MaxMessage+1)), "customizedMessage"},
		"a template that is no JSON":      {of(func(m *fault.Message) { m.Template = template(`{"a":`) }), "customMessageTemplate"},
		"a placeholder that is none":      {of(func(m *fault.Message) { m.Template = template(`{"a":"#NOBODY#"}`) }), "customMessageTemplate"},
		"a rule without a name":           {of(func(m *fault.Message) { m.Rules = []fault.Rule{{Text: "{}"}} }), "errorResponseRuleList[0].name"},
		"a rule with a bad condition":     {ruled(within("everywhere"), "No."), "errorResponseRuleList[0].condition.conditionRuleList[0].secondValue"},
		"a rule on a project's variable":  {ruled(when("stage", "EQ", "x"), "No."), "errorResponseRuleList[0].condition.conditionRuleList[0].conditionRuleList[0].firstVariable.name"},
		"a rule on a variable of nowhere": {ruled(when("nobody", "EQ", "x"), "No."), "errorResponseRuleList[0].condition.conditionRuleList[0].conditionRuleList[0].firstVariable.name"},
	} {
		_, err := s.SaveErrorMessage(t.Context(), by, 0, tt.m)
		if problem.Of(err).For(tt.field) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := s.ErrorMessages(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("left %+v, %v", list, err)
	}
	if _, err := s.ErrorMessage(t.Context(), "NO_SUCH"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a row that the catalogue has not: %v", err)
	}
}

// value saves a value of an environment under a new name.
func (b bench) value(t *testing.T, environment, name, value string) models.EnvironmentVariable {
	t.Helper()
	v, err := b.SaveEnvironmentVariable(t.Context(), by, environment, "", 0, name, value)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestValuesThatTheErrorMessagesNameReachTheirEnvironmentAtOnce(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	s.value(t, "test", "HELP", "test.example.com")
	s.value(t, "test", "NETS", "10.0.0.0/8")
	s.value(t, "test", "OTHER", "x")
	help := s.value(t, "production", "HELP", "first.example.com")
	nets := s.value(t, "production", "NETS", "127.0.0.1")
	var other models.EnvironmentVariable
	s.say(t, 0, ruled(within("${NETS}"), "Ask ${HELP}."))
	values := func(environment string) map[string]string {
		t.Helper()
		b, err := s.Bundle(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		return b.Values
	}
	if diff := cmp.Diff(map[string]string{"HELP": "test.example.com", "NETS": "10.0.0.0/8"}, values("test")); diff != "" {
		t.Errorf("values of test (-want +got):\n%s", diff)
	}
	save := func(v *models.EnvironmentVariable, name, value string) {
		t.Helper()
		saved, err := s.SaveEnvironmentVariable(t.Context(), by, "production", v.ID, v.Version, name, value)
		if err != nil {
			t.Fatal(err)
		}
		if named := name == "HELP" || name == "NETS"; named != (len(saved.ErrorMessages) == 1) {
			t.Errorf("%s is named by %v", name, saved.ErrorMessages)
		}
		*v = saved
	}
	remove := func(v models.EnvironmentVariable) {
		t.Helper()
		if err := s.DeleteEnvironmentVariable(t.Context(), by, "production", v.ID, v.Version); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		do     func()
		raised int64
		wants  map[string]string
	}{
		{"another value of a template", func() { save(&help, "HELP", "example.com") }, 1, map[string]string{"HELP": "example.com", "NETS": "127.0.0.1"}},
		{"another value of a condition", func() { save(&nets, "NETS", "10.0.0.0/8") }, 1, map[string]string{"HELP": "example.com", "NETS": "10.0.0.0/8"}},
		{"a value that nobody names", func() { save(&other, "OTHER", "x") }, 0, map[string]string{"HELP": "example.com", "NETS": "10.0.0.0/8"}},
		{"a name that is named no more", func() { save(&help, "HELPDESK", "example.org") }, 1, map[string]string{"NETS": "10.0.0.0/8"}},
		{"and back", func() { save(&help, "HELP", "example.org") }, 1, map[string]string{"HELP": "example.org", "NETS": "10.0.0.0/8"}},
		{"a deletion", func() { remove(nets) }, 1, map[string]string{"HELP": "example.org"}},
		{"a deletion of what nobody names", func() { remove(other) }, 0, map[string]string{"HELP": "example.org"}},
		{"a new value of a deleted name", func() { nets = models.EnvironmentVariable{}; save(&nets, "NETS", "127.0.0.1") }, 1, map[string]string{"HELP": "example.org", "NETS": "127.0.0.1"}},
	} {
		before := s.generations(t)
		step.do()
		after := s.generations(t)
		if after["production"] != before["production"]+step.raised || after["test"] != before["test"] {
			t.Errorf("%s: generations %v, then %v", step.name, before, after)
		}
		if diff := cmp.Diff(step.wants, values("production")); diff != "" {
			t.Errorf("%s: values (-want +got):\n%s", step.name, diff)
		}
		all, err := s.EnvironmentVariables(t.Context(), "production")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			if _, named := step.wants[v.Name]; named != slices.Equal(v.ErrorMessages, []fault.Type{fault.RoleMissing}) {
				t.Errorf("%s: %s is named by %v", step.name, v.Name, v.ErrorMessages)
			}
		}
	}
}

func TestTheErrorMessagesNeedTheirValuesInEveryEnvironment(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	m := ruled(within("${NETS}"), "Ask ${HELP}, ${HELP}.")
	m.Template = fault.Template{Text: "Off, so nobody asks ${NOBODY}.", ContentType: "text/plain"}
	s.value(t, "test", "HELP", "x")
	nets := s.value(t, "test", "NETS", "everywhere")
	refused := func() problem.List {
		_, err := s.SaveErrorMessage(t.Context(), by, 0, m)
		return problem.Of(err)
	}
	const template, compared = "errorResponseRuleList[0].messageTemplate", "errorResponseRuleList[0].condition.conditionRuleList[0].secondValue"
	got := refused()
	want := problem.List{
		{Field: template, Message: "production: The environment has no variable HELP."},
		{Field: compared, Message: "production: The environment has no variable NETS."},
	}
	if diff := cmp.Diff(want, got[:min(2, len(got))]); diff != "" || len(got) != 3 || got[2].Field != compared || !strings.HasPrefix(got[2].Message, "test: ") {
		t.Fatalf("got %v (-want +got):\n%s", got, diff)
	}
	s.value(t, "production", "HELP", "x")
	s.value(t, "production", "NETS", "10.0.0.0/8")
	nets, err := s.SaveEnvironmentVariable(t.Context(), by, "test", nets.ID, nets.Version, "NETS", "10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	s.say(t, 0, m)
	before := s.generations(t)
	_, err = s.SaveEnvironmentVariable(t.Context(), by, "test", nets.ID, nets.Version, "NETS", "nowhere")
	if msg := problem.Of(err).For("value"); !strings.Contains(msg, string(fault.RoleMissing)) {
		t.Errorf("a value that takes the message away: %v", err)
	}
	if !maps.Equal(before, s.generations(t)) {
		t.Error("the refused value was told to the nodes")
	}
}

func TestAValueIsNotMissedByAMessageThatBeginsToNameIt(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	tx, err := connect(t, s.url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`insert into error_messages (type, definition, version, updated_at, updated_by) values ('` + string(fault.RoleMissing) + `',
			'{"errorType":"` + string(fault.RoleMissing) + `","buildCustomMessage":true,"customMessageTemplate":"${HELP}"}', 1, now(), 'other')`,
		"update environments set generation = generation + 1",
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before, saved := s.generations(t)["production"], make(chan error, 1)
	go func() {
		_, err := s.SaveEnvironmentVariable(t.Context(), by, "production", "", 0, "HELP", "example.com")
		saved <- err
	}()
	awaitBlocked(t, s.url, saved)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	if after := s.generations(t)["production"]; after != before+2 {
		t.Errorf("generation %d, then %d: nodes that loaded the message keep it without the value", before, after)
	}
}
