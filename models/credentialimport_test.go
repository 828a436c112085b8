package models_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func (v *vault) planned(file string, o models.ImportOptions) models.ImportPlan {
	v.t.Helper()
	plan, err := v.PlanImport(v.t.Context(), v.project.ID, []byte(file), o)
	if err != nil {
		v.t.Fatal(err)
	}
	return plan
}

// said is a plan in one line for each of its.
func said(p models.ImportPlan) string {
	var b strings.Builder
	for _, l := range p.Lines {
		fmt.Fprintf(&b, "%d %s %s", l.Number, l.Action, l.Name)
		if len(l.Changes) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(l.Changes, ", "))
		}
		for _, p := range l.Problems {
			fmt.Fprintf(&b, " [%s]", p.Field)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestAnImportSaysWhatItWouldDo(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("Anna", func(d *models.CredentialDraft) { d.Roles = []string{"admin"} }))
	v.save(draft("bert"))
	elsewhere := modelstest.Project(t, v.Store, "Other")
	if _, _, err := v.SaveCredential(t.Context(), by, elsewhere.ID, "", 0, draft("carl")); err != nil {
		t.Fatal(err)
	}
	update := models.ImportOptions{UpdateExisting: true}
	for name, c := range map[string]struct {
		file    string
		options models.ImportOptions
		want    string
	}{
		"creates, updates, skips and errors": {
			"\uFEFFusername,password,roles\r\nnew,a-good-secret-1,admin,ops\r\nanna,another-secret-1,\r\nbert,,\r\ncarl,a-good-secret-1,\r\nx,short,\r\ny,a-good-secret-1,nosuch\r\nNEW,a-good-secret-1,\r\n",
			update, "2 create new\n3 update Anna (secret)\n4 skip bert (nothing to change)\n5 error carl [username]\n6 error x [password]\n7 error y [roles]\n8 error NEW [username]\n",
		},
		"existing ones are skipped":      {"username,password\nanna,another-secret-1\n", models.ImportOptions{}, "2 skip Anna (exists already)\n"},
		"roles are replaced":             {"username;roles\nanna;ops\n", update, "2 update Anna (roles)\n"},
		"a new one needs a secret":       {"username\nnew\n", update, "2 error new [password]\n"},
		"all columns":                    {"Username,Password,FullName,Email,Description,Enabled,ExpireDate,Roles\nnew,a-good-secret-1,N N,n@example.com,\"a, b\",FALSE,2999-01-01,admin ops\n", update, "2 create new\n"},
		"bad cells are named":            {"username,password,email,enabled,expireDate\nnew,a-good-secret-1,nobody,maybe,soon\n", update, "2 error new [enabled] [expireDate] [email]\n"},
		"too many cells":                 {"username,password\nnew,a-good-secret-1,admin\n", update, "2 error new []\n"},
		"blank lines do not shift lines": {"username,password\n\n\nnew,a-good-secret-1\n", update, "4 create new\n"},
		"a cell of two lines":            {"username,password,description\nnew,a-good-secret-1,\"one\ntwo\"\nnewer,a-good-secret-1,\n", update, "2 create new\n4 create newer\n"},
		"name#secret":                    {"username#password\nnew#a-good#secret-1\nno-secret\n", update, "2 create new\n3 error  [password] [username]\n"},
		"name#secret without a header":   {"new#a-good-secret-1\n", update, "1 create new\n"},
		"a formula is only text":         {"username,password\n\"=HYPERLINK(\"\"x\"\")\",a-good-secret-1\n", update, "2 create =HYPERLINK(\"x\")\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(v.planned(c.file, c.options)); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
	if _, total, err := v.Credentials(t.Context(), v.project.ID, models.CredentialFilter{}); err != nil || total != 2 {
		t.Errorf("a preview left %d credentials, %v", total, err)
	}
}

func TestAFileThatIsNoImportIsRefusedWhole(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for name, c := range map[string]struct{ file, part string }{
		"empty":             {" \n", "nothing to import"},
		"without a header":  {"anna,hunter2-hunter2\n", "header row"},
		"an unknown column": {"username,hunter2-hunter2\n", "Column 2"},
		"a column twice":    {"username,Username\n", "one of the two"},
		"no name":           {"password,roles\nhunter2-hunter2,\n", "username"},
		"only a header":     {"username,password\n", "no credential"},
		"another encoding":  {"username,password\n\xfcmit,hunter2-hunter2\n", "UTF-8"},
		"a broken quote":    {"username,password\nanna,\"hunter2-hunter2\n", "Line 2"},
		"too many lines":    {"username,password\n" + strings.Repeat("x,hunter2-hunter2\n", models.MaxImportLines+1), "1000"},
		"too large":         {"username,password\n" + strings.Repeat("x", models.MaxImportBytes), "bytes"},
	} {
		_, err := v.PlanImport(t.Context(), v.project.ID, []byte(c.file), models.ImportOptions{})
		wantProblemSaying(t, err, "file", c.part)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the refusal repeats a cell that may be a secret: %v", name, err)
		}
	}
}

func TestAnImportDoesWhatItsPreviewSaid(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.save(draft("anna", func(d *models.CredentialDraft) { d.Email = "anna@example.com" }))
	file, o := "username,password,roles\nnew,a-good-secret-1,admin\nanna,another-secret-1,ops\n", models.ImportOptions{UpdateExisting: true}
	plan := v.planned(file, o)
	before := v.generation("production")
	if _, err := v.ApplyImport(t.Context(), by, v.project.ID, []byte(file), o, plan.Digest); err != nil {
		t.Fatal(err)
	}
	if v.generation("production") != before+1 {
		t.Errorf("the generation went from %d to %d, want one step for all", before, v.generation("production"))
	}
	for name, password := range map[string]string{"new": "a-good-secret-1", "anna": "another-secret-1"} {
		if ok, err := secret.Verify(v.bundled("production", name).SecretHash, password); !ok || err != nil {
			t.Errorf("%s has another secret, %v", name, err)
		}
	}
	anna, err := v.Credential(t.Context(), v.project.ID, "anna")
	if err != nil || anna.Email != "anna@example.com" || strings.Join(anna.Roles, ",") != "ops" {
		t.Errorf("anna is %+v, %v", anna, err)
	}
	if n := scalar[int](t, connect(t, v.url), "select count(*) from revocations where key = 'anna'"); n != 2 {
		t.Errorf("%d revocations for the changed secret, want 2", n)
	}
	again, err := v.ApplyImport(t.Context(), by, v.project.ID, []byte(file), o, plan.Digest)
	if !errors.Is(err, models.ErrPlanChanged) || again.Count(models.ImportUpdate) != 2 {
		t.Errorf("the same import again: %v, %+v", err, again)
	}
	all := scalar[string](t, connect(t, v.url), "select string_agg(audit_records::text, ' ') from audit_records")
	if strings.Contains(all, "a-good-secret") || strings.Contains(all, "another-secret") {
		t.Error("the audit holds a secret")
	}
}

func TestAnImportWithALineInErrorWritesNothing(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	file := "username,password\nnew,a-good-secret-1\nbad,short\n"
	plan := v.planned(file, models.ImportOptions{})
	_, err := v.ApplyImport(t.Context(), by, v.project.ID, []byte(file), models.ImportOptions{}, plan.Digest)
	wantProblemSaying(t, err, "file", "1 of 2")
	if _, total, err := v.Credentials(t.Context(), v.project.ID, models.CredentialFilter{}); err != nil || total != 0 {
		t.Errorf("%d credentials were stored, %v", total, err)
	}
}
