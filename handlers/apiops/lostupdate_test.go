package apiops_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Two writers of one thing, in each pairing of management API, console and import
// (D17): one of them wins, the other one is told.

// contested is a kind of thing that several write.
type contested struct {
	path string
	make func(t *testing.T, c *client)
	// body is a write of the API, which makes the text that of the thing.
	body func(text string) string
	// console reads the thing as a form would and gives back how that is saved.
	console func(t *testing.T, c *client, text string) func() error
	// text is the member that has it.
	text string
	// packed is the thing in a package; nil where packages have none.
	packed func(text string) string
	kind   string
}

var contestedKinds = map[string]contested{
	"a global policy": {
		path: globals + "mine/", text: "description", kind: "GLOBAL_POLICY",
		make: func(t *testing.T, c *client) {
			modelstest.Policy(t, c.site.Store, c.site.Project.ID, "mine", func(j *jwtauth.Config) { j.Description = "first" })
		},
		body: func(text string) string {
			return fmt.Sprintf(`{"type":"policy-auth-jwt","jwtSignatureAlgorithm":"ES256","description":%q}`, text)
		},
		console: func(t *testing.T, c *client, text string) func() error {
			p, err := c.site.Store.GlobalPolicy(t.Context(), c.site.Project.ID, "mine")
			if err != nil {
				t.Fatal(err)
			}
			p.Config.Base().Description = text
			return func() error {
				_, err := c.site.Store.SavePolicy(t.Context(), modelstest.By(), p.ProjectID, p.ID, p.Version, p.Config)
				return err
			}
		},
		packed: func(text string) string {
			return fmt.Sprintf(`{"kind":"GLOBAL_POLICY","name":"mine","policy":{"type":"policy-auth-jwt","name":"mine","jwtSignatureAlgorithm":"ES256","description":%q}}`, text)
		},
	},
	"a policy group": {
		path: groups + "mine/", text: "description", kind: "POLICY_GROUP",
		make: func(t *testing.T, c *client) {
			g := models.Owner{Name: "mine", Description: "first", Pipeline: policy.Request}
			if _, _, err := c.site.Store.SaveWholePolicyGroup(t.Context(), modelstest.By(), c.site.Project.ID, g, nil); err != nil {
				t.Fatal(err)
			}
		},
		body: func(text string) string { return fmt.Sprintf(`{"targetPipeline":"REQUEST","description":%q}`, text) },
		console: func(t *testing.T, c *client, text string) func() error {
			g, err := c.site.Store.Owner(t.Context(), c.site.Project.ID, engine.KindPolicyGroup, "mine")
			if err != nil {
				t.Fatal(err)
			}
			g.Description = text
			return func() error {
				_, _, err := c.site.Store.SavePolicyGroup(t.Context(), modelstest.By(), g.ProjectID, g)
				return err
			}
		},
		packed: func(text string) string {
			return fmt.Sprintf(`{"kind":"POLICY_GROUP","name":"mine","description":%q,"active":true,"pipeline":"REQUEST","order":0}`, text)
		},
	},
	"an environment": {
		path: places + "mine/", text: "description",
		make: func(t *testing.T, c *client) { modelstest.Environment(t, c.site.Store, "mine") },
		body: func(text string) string {
			return fmt.Sprintf(`{"type":"TEST","accessUrl":"http://mine.test","description":%q}`, text)
		},
		console: func(t *testing.T, c *client, text string) func() error {
			e, err := c.site.Store.Environment(t.Context(), "mine")
			if err != nil {
				t.Fatal(err)
			}
			e.Description = text
			return func() error {
				_, err := c.site.Store.SaveEnvironment(t.Context(), modelstest.By(), e)
				return err
			}
		},
	},
	"an environment variable": {
		path: places + "production/environmentVariables/MINE/", text: "value",
		make: func(t *testing.T, c *client) {
			if _, err := c.site.Store.SaveEnvironmentVariable(t.Context(), modelstest.By(), "production", "", 0, "MINE", "first"); err != nil {
				t.Fatal(err)
			}
		},
		body: func(text string) string { return fmt.Sprintf(`{"value":%q}`, text) },
		console: func(t *testing.T, c *client, text string) func() error {
			list, err := c.site.Store.EnvironmentVariables(t.Context(), "production")
			if err != nil {
				t.Fatal(err)
			}
			return func() error {
				_, err := c.site.Store.SaveEnvironmentVariable(t.Context(), modelstest.By(), "production", list[0].ID, list[0].Version, "MINE", text)
				return err
			}
		},
	},
}

// now is the text and the entity tag of the thing.
func (k contested) now(t *testing.T, c *client) (text, tag string) {
	t.Helper()
	a := c.get(t, k.path).want(t, http.StatusOK)
	return a.json(t)["result"].(map[string]any)[k.text].(string), a.Header.Get("ETag")
}

func (k contested) put(t *testing.T, c *client, text, tag string) answer {
	return c.do(t, call{method: http.MethodPut, path: k.path, body: k.body(text), header: map[string]string{"If-Match": tag}})
}

func (k contested) imports(t *testing.T, c *client, text string) answer {
	return c.imports(t, exchange("Default")+k.kind+"/import/", []byte(k.packed(text)), "override", "true")
}

// contests runs a test for each kind of thing.
func contests(t *testing.T, test func(t *testing.T, c *client, k contested)) {
	for what, k := range contestedKinds {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := begin(t)
			k.make(t, c)
			test(t, c, k)
		})
	}
}

func TestTheAPIDoesNotWriteOverTheConsole(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		_, tag := k.now(t, c)
		if err := k.console(t, c, "of the console")(); err != nil {
			t.Fatal(err)
		}
		k.put(t, c, "of the API", tag).want(t, http.StatusPreconditionFailed)
		if text, _ := k.now(t, c); text != "of the console" {
			t.Errorf("it is %q", text)
		}
	})
}

func TestTheConsoleDoesNotWriteOverTheAPI(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		save := k.console(t, c, "of the console")
		c.send(t, http.MethodPut, k.path, k.body("of the API")).want(t, http.StatusOK)
		var stale *models.StaleError
		if err := save(); !errors.As(err, &stale) || stale.Deleted || stale.By != "ada" {
			t.Errorf("the console is told %v", err)
		}
		if text, _ := k.now(t, c); text != "of the API" {
			t.Errorf("it is %q", text)
		}
		save = k.console(t, c, "of the console")
		c.send(t, http.MethodDelete, k.path, "").want(t, http.StatusOK)
		if err := save(); !errors.As(err, &stale) || !stale.Deleted {
			t.Errorf("after a deletion the console is told %v", err)
		}
		c.get(t, k.path).want(t, http.StatusNotFound)
	})
}

func TestOfManyWritersOfTheAPIOneWins(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		_, tag := k.now(t, c)
		const writers = 6
		answers := make([]answer, writers)
		together(writers, func(n int) { answers[n] = k.put(t, c, fmt.Sprint("writer ", n), tag) })
		winner := ""
		for n, a := range answers {
			switch a.Status {
			case http.StatusOK:
				if winner != "" {
					t.Errorf("%s won, and writer %d too", winner, n)
				}
				winner = fmt.Sprint("writer ", n)
			case http.StatusPreconditionFailed, http.StatusConflict:
			default:
				t.Errorf("writer %d got %d: %s", n, a.Status, a.Body)
			}
		}
		if text, _ := k.now(t, c); text != winner || winner == "" {
			t.Errorf("it is %q, and %q won", text, winner)
		}
	})
}

func TestOfTheAPIAndTheConsoleAtOnceOneWins(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		for round := range 5 {
			_, tag := k.now(t, c)
			ours, theirs := fmt.Sprint("API ", round), fmt.Sprint("console ", round)
			save := k.console(t, c, theirs)
			var a answer
			var err error
			together(2, func(n int) {
				if n == 0 {
					a = k.put(t, c, ours, tag)
				} else {
					err = save()
				}
			})
			told := a.Status == http.StatusPreconditionFailed || a.Status == http.StatusConflict
			text, _ := k.now(t, c)
			switch {
			case a.Status == http.StatusOK && errors.Is(err, models.ErrStale) && text == ours:
			case told && err == nil && text == theirs:
			default:
				t.Errorf("the API got %d, the console %v, and it is %q", a.Status, err, text)
			}
		}
	})
}

func TestTheAPIDoesNotWriteOverAnImport(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		if k.packed == nil {
			t.Skip("packages have none")
		}
		_, tag := k.now(t, c)
		k.imports(t, c, "of the package").want(t, http.StatusOK)
		k.put(t, c, "of the API", tag).want(t, http.StatusPreconditionFailed)
		if text, _ := k.now(t, c); text != "of the package" {
			t.Errorf("it is %q", text)
		}
		save := k.console(t, c, "of the console")
		k.imports(t, c, "of the next package").want(t, http.StatusOK)
		if err := save(); !errors.Is(err, models.ErrStale) {
			t.Errorf("the console is told %v", err)
		}
	})
}

func TestOfTheAPIAndAnImportAtOnceNothingIsLost(t *testing.T) {
	t.Parallel()
	contests(t, func(t *testing.T, c *client, k contested) {
		if k.packed == nil {
			t.Skip("packages have none")
		}
		for round := range 5 {
			_, tag := k.now(t, c)
			ours, theirs := fmt.Sprint("API ", round), fmt.Sprint("package ", round)
			var put, in answer
			together(2, func(n int) {
				if n == 0 {
					put = k.put(t, c, ours, tag)
				} else {
					in = k.imports(t, c, theirs)
				}
			})
			told := put.Status == http.StatusPreconditionFailed || put.Status == http.StatusConflict
			text, _ := k.now(t, c)
			switch {
			case put.Status == http.StatusOK && in.Status == http.StatusConflict && text == ours:
			case put.Status == http.StatusOK && in.Status == http.StatusOK && text == theirs: // planned after the write, on what it left
			case told && in.Status == http.StatusOK && text == theirs:
			default:
				t.Errorf("the API got %d, the import %d, and it is %q", put.Status, in.Status, text)
			}
		}
	})
}

// A policy group is written whole: what somebody changed in one of its policies
// must not go under.
func TestAPolicyGroupIsNotWrittenOverAPolicyOfIt(t *testing.T) {
	t.Parallel()
	c := begin(t)
	s := c.site.Store
	const whole = `{"name":"mine","targetPipeline":"REQUEST","policyList":[{"type":"policy-auth-jwt","name":"own","jwtSignatureAlgorithm":"ES256","description":"of the API"}]}`
	c.send(t, http.MethodPost, groups, whole).want(t, http.StatusOK)
	tag := c.get(t, groups+"mine/").Header.Get("ETag")
	g, err := s.Owner(t.Context(), c.site.Project.ID, engine.KindPolicyGroup, "mine")
	if err != nil {
		t.Fatal(err)
	}
	own := g.Bindings[0].Policy
	own.Config.Base().Description = "of the console"
	if _, err := s.SavePolicy(t.Context(), modelstest.By(), g.ProjectID, own.ID, own.Version, own.Config); err != nil {
		t.Fatal(err)
	}
	if after := modelstest.Reload(t, s, g); after.Version != g.Version {
		t.Fatal("the policy has changed the version of its group; this test is about one that does not")
	}
	c.do(t, call{method: http.MethodPut, path: groups + "mine/", body: whole, header: map[string]string{"If-Match": tag}}).want(t, http.StatusPreconditionFailed)
	for what, policies := range map[string][]models.GroupPolicy{"written over": {{Local: modelstest.JWT("own")}}, "taken out": nil} {
		if _, _, err := s.SaveWholePolicyGroup(t.Context(), modelstest.By(), g.ProjectID, g, policies); !errors.Is(err, models.ErrStale) {
			t.Errorf("a policy is %s: %v", what, err)
		}
	}
	c.get(t, groups+"mine/").holds(t, `{"result":{"policyList":[{"description":"of the console"}]}}`)
}

// together runs several at the same time.
func together(n int, do func(n int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			do(i)
		})
	}
	done.Wait()
}
