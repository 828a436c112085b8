package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestAKeptPackageIsSealedAndForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	url := modelstest.Database(t)
	s := modelstest.Open(t, url, func(o *models.Options) { o.Now = func() time.Time { return now } })
	project, other := modelstest.Project(t, s, "Shop").ID, modelstest.Project(t, s, "Other").ID
	id, err := s.KeepPackage(t.Context(), by, "session", project, []byte("the content"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.KeptPackage(t.Context(), by, "session", project, id)
	if err != nil || string(kept.Content) != "the content" {
		t.Fatalf("%+v, %v", kept, err)
	}
	staff := ref(archive.KindIdentitySource, "Staff").Key()
	choices := models.PackageChoices{staff: {Wish: models.WishRename, Name: "x", Secrets: map[string]secret.Text{"bindPassword": secret.New("hunter2")}}}
	if err := s.ChooseForPackage(t.Context(), by, kept, choices); err != nil {
		t.Fatal(err)
	}
	if kept, err = s.KeptPackage(t.Context(), by, "session", project, id); err != nil || kept.Choices[staff].Name != "x" || kept.Choices[staff].Secrets["bindPassword"].Reveal() != "hunter2" {
		t.Errorf("the choices are %v, %v", kept.Choices, err)
	}
	stored := scalar[string](t, connect(t, url), "select encode(content, 'escape') || encode(choices, 'escape') from package_imports")
	if strings.Contains(stored, "content") || strings.Contains(stored, "hunter2") || strings.Contains(stored, "Staff") {
		t.Error("it lies in the database in the open")
	}
	gone := func(name string, by models.Actor, session, project, id string) {
		if _, err := s.KeptPackage(t.Context(), by, session, project, id); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone("another person", models.Actor{Name: "mallory"}, "session", project, id)
	gone("another session", by, "other", project, id)
	gone("another project", by, "session", other, id)
	gone("no id", by, "session", project, "' or 1=1")
	if err := s.ChooseForPackage(t.Context(), models.Actor{Name: "mallory"}, kept, nil); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("another person chooses: %v", err)
	}
	now = now.Add(31 * time.Minute)
	gone("after half an hour", by, "session", project, id)
	if _, _, err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, connect(t, url), "select count(*) from package_imports"); n != 0 {
		t.Errorf("%d are kept after half an hour", n)
	}
	again, err := s.KeepPackage(t.Context(), by, "session", project, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetPackage(t.Context(), by, again); err != nil {
		t.Fatal(err)
	}
	gone("what was imported", by, "session", project, again)
}
