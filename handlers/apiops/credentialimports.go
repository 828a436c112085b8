package apiops

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// Credentials are imported as in the console: by the same file, under the same
// rules, all of them or none. Hashing their secrets takes time, so an import goes on
// after its answer, and whoever started it asks how far it is.

const (
	credentialImportsPath = Prefix + "projects/{projectName}/credentialImports/"
	// importProblemsSaid bounds the lines in error that a refusal names.
	importProblemsSaid = 100
)

func (a *API) credentialImportOperations() []operation {
	return []operation{
		{
			method: http.MethodPost, path: credentialImportsPath + "plan/", id: "planCredentialImport", tag: credentialsTag, summary: "Ask what an import of credentials would do",
			text:  "Nothing is written or kept.",
			right: models.ManageIdentity, body: credentialImportForm(), result: credentialImportPlan{}, do: a.planCredentialImport,
		},
		{
			method: http.MethodPost, path: credentialImportsPath, id: "startCredentialImport", tag: credentialsTag, summary: "Import credentials",
			text: "All lines of the file or none: a line in error refuses it with 400. It goes on after the answer, whose id tells how far it is. " +
				"A person has one import at a time, in API and console together; a second one is refused with 409.",
			right: models.ManageIdentity, body: credentialImportForm(formField{name: "digest", text: "That of a plan: the import is refused with 409 when it would do anything else by now."}),
			result: one[credentialImport]{}, status: http.StatusAccepted, do: a.startCredentialImport,
		},
		{
			method: http.MethodGet, path: credentialImportsPath + "{credentialImportId}/", id: "getCredentialImport", tag: credentialsTag, summary: "Ask how far an import of credentials is",
			text:  "For whoever started it, until half an hour after its end.",
			right: models.ManageIdentity, result: one[credentialImport]{}, do: a.getCredentialImport,
		},
	}
}

func credentialImportForm(more ...formField) form {
	return form{multipart: true, fields: append([]formField{
		{name: "file", file: true, required: true, text: fmt.Sprintf("CSV in UTF-8 with a header row of these columns: %s; or lines of username#password. At most %d lines and %d KiB.",
			strings.Join(models.ImportColumns(), ", "), models.MaxImportLines, models.MaxImportBytes/1024)},
		{name: "override", enum: yesOrNo, text: "Whether to change credentials that exist; else they are left as they are."},
	}, more...)}
}

type credentialImportPlan struct {
	done
	Digest  string                 `json:"digest" doc:"Names exactly what would be done, to what."`
	Created int                    `json:"created"`
	Updated int                    `json:"updated"`
	Skipped int                    `json:"skipped"`
	Refused int                    `json:"refused" doc:"How many lines keep the file from being imported."`
	Lines   []credentialImportLine `json:"lines"`
}

type credentialImportLine struct {
	Number   int            `json:"line" doc:"In the file, from 1."`
	Username string         `json:"username"`
	Action   string         `json:"action" enum:"create,update,skip,refuse"`
	Changes  []string       `json:"changes" doc:"What an update changes, or why the line is skipped."`
	Problems []fieldProblem `json:"problems" doc:"What is wrong with the line, by its columns."`
}

type credentialImport struct {
	ID      string `json:"id"`
	State   string `json:"state" enum:"RUNNING,DONE,CHANGED,FAILED,INTERRUPTED" doc:"Nothing is written unless it is DONE. CHANGED: it would have done something else than was planned. INTERRUPTED: the process that was at it ended; send the file again."`
	Reason  string `json:"reason" doc:"Why it failed."`
	Created int    `json:"created"`
	Updated int    `json:"updated"`
	Skipped int    `json:"skipped"`
	Hashed  int    `json:"hashed" doc:"How many secrets are hashed, which is what takes the time."`
	ToHash  int    `json:"toHash" doc:"Of how many."`
}

// credentialFile is the file that was sent, with what it would do.
func (c *call) credentialFile() ([]byte, models.ImportOptions, models.ImportPlan, error) {
	var o models.ImportOptions
	file, err := c.upload("file", models.MaxImportBytes)
	if err != nil {
		return nil, o, models.ImportPlan{}, err
	}
	var l problem.List
	o.UpdateExisting = c.said(&l, "override")
	if err := l.Err(); err != nil {
		return nil, o, models.ImportPlan{}, err
	}
	plan, err := c.Store.PlanImport(c.ctx(), c.project.ID, file, o)
	return file, o, plan, err
}

func (a *API) planCredentialImport(c *call) (any, error) {
	_, _, plan, err := c.credentialFile()
	if err != nil {
		return nil, err
	}
	out := credentialImportPlan{
		done: success(), Digest: plan.Digest, Created: plan.Count(models.ImportCreate), Updated: plan.Count(models.ImportUpdate),
		Skipped: plan.Count(models.ImportSkip), Refused: plan.Count(models.ImportError), Lines: []credentialImportLine{},
	}
	for _, l := range plan.Lines {
		line := credentialImportLine{Number: l.Number, Username: l.Name, Action: string(l.Action), Changes: noNil(l.Changes), Problems: []fieldProblem{}}
		if l.Action == models.ImportError {
			line.Action = "refuse"
		}
		for _, p := range l.Problems {
			line.Problems = append(line.Problems, fieldProblem{p.Field, p.Message})
		}
		out.Lines = append(out.Lines, line)
	}
	return out, nil
}

func (a *API) startCredentialImport(c *call) (any, error) {
	file, o, plan, err := c.credentialFile()
	if err != nil {
		return nil, err
	}
	if err := linesInError(plan); err != nil {
		return nil, err
	}
	if wanted := c.g.PostForm("digest"); wanted != "" && wanted != plan.Digest {
		return nil, errImportChanged
	}
	id, err := a.Store.KeepImport(c.ctx(), c.by(), c.project.ID, file, o)
	if err != nil {
		return nil, err
	}
	switch err := a.Store.StartImport(c.ctx(), c.by(), c.project.ID, id, plan.Digest); {
	case errors.Is(err, models.ErrPlanChanged):
		return nil, errImportChanged
	case errors.Is(err, models.ErrImportRunning):
		return nil, conflict("Another import of yours is under way; wait for its end.")
	case err != nil:
		return nil, err
	}
	return c.credentialImport(id)
}

var errImportChanged = conflict("The credentials were changed since the plan, so the import would do something else; nothing was imported. Plan it again.")

// linesInError refuses a file for its lines, all of which came in one field.
func linesInError(plan models.ImportPlan) error {
	var l problem.List
	for _, line := range plan.Lines {
		for _, p := range line.Problems {
			if len(l) < importProblemsSaid {
				l.Add("file", "%s", strings.Join(slices.DeleteFunc([]string{fmt.Sprintf("Line %d", line.Number), p.Field, p.Message}, func(s string) bool { return s == "" }), ": "))
			}
		}
	}
	return l.Err()
}

func (a *API) getCredentialImport(c *call) (any, error) {
	return c.credentialImport(c.name("credentialImportId"))
}

func (c *call) credentialImport(id string) (any, error) {
	i, err := c.Store.Import(c.ctx(), c.by(), c.project.ID, id)
	if err != nil {
		return nil, err
	}
	if i.State == models.ImportKept { // by the console, where nobody has confirmed it
		return nil, models.ErrNotFound
	}
	return single(credentialImport{
		ID: i.ID, State: string(i.State), Reason: i.Reason, Created: i.Creates, Updated: i.Updates, Skipped: i.Skips, Hashed: i.Hashed, ToHash: i.ToHash,
	}), nil
}
