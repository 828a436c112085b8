package apiops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// nodeWait is how long a deploy waits for the nodes to say what they run.
const nodeWait = 5 * time.Second

// deployAnswer is a success with what became of the deploy, where one was asked.
type deployAnswer struct {
	done
	Deployment *deployment `json:"deploymentResult,omitempty"`
}

// deployment has the keys of both generations of the management API
// (reference 6.1).
type deployment struct {
	Success      bool          `json:"success" doc:"Whether every environment took it over."`
	ResponseTime int64         `json:"responseTime" doc:"Milliseconds."`
	Results      []environment `json:"deploymentResults" doc:"One for each environment."`
	Details      []nodeDetail  `json:"detailList" doc:"One for each gateway node."`
}

type environment struct {
	Name    string `json:"environmentName"`
	Success bool   `json:"success"`
	Message string `json:"message"`
}

type nodeDetail struct {
	Environment  string `json:"envName"`
	Node         string `json:"podName"`
	Address      string `json:"podIp" doc:"Empty: nodes are known by name."`
	Success      bool   `json:"success"`
	Detail       string `json:"detail"`
	ResponseTime int64  `json:"responseTime" doc:"Milliseconds until the node had taken it over; 0 while it has not."`
}

// wish is a deploy that is asked for together with a change.
type wish struct {
	Deploy       bool     `json:"deploy" doc:"Whether to deploy afterwards; false unless told. Needs the right to deploy."`
	Environments []string `json:"deployTargetEnvironmentNameList" doc:"Where to deploy; left out or empty: wherever it runs."`
}

// mayDeploy refuses, before anything is written, a deploy that the caller may
// not do or that names an environment which is not there.
func (c *call) mayDeploy(w wish) error {
	if !w.Deploy {
		return nil
	}
	if !c.visit().Can(models.DeployAPIs) {
		return errForbidden
	}
	known, err := c.Store.Environments(c.ctx())
	if err != nil {
		return err
	}
	var l problem.List
	for i, name := range w.Environments {
		if !slices.ContainsFunc(known, func(e models.Environment) bool { return e.Name == name }) {
			l.Add(fmt.Sprintf("deployTargetEnvironmentNameList[%d]", i), "There is no environment %q.", name)
		}
	}
	return l.Err()
}

// firstDeploy is mayDeploy for what is new and runs nowhere.
func (c *call) firstDeploy(w wish) error {
	if w.Deploy && len(w.Environments) == 0 {
		return invalid("deployTargetEnvironmentNameList", "Name the environments: what is new runs nowhere yet.")
	}
	return c.mayDeploy(w)
}

func nothingDeployed() *deployment {
	return &deployment{Success: true, Results: []environment{}, Details: []nodeDetail{}}
}

// carryOut does the deploy that was asked for. The change itself is kept whatever
// becomes of it (reference 6.1).
func (c *call) carryOut(o models.Owner, w wish) *deployment {
	if !w.Deploy {
		return nothingDeployed()
	}
	places := w.Environments
	if len(places) == 0 {
		places = runsIn(o)
	}
	result := c.deployTo(o, places, deployedByUs)
	return &result
}

// deployedByUs is said of a deploy of which nothing else is said.
const deployedByUs = "Deployed by the management API"

// reread is an owner that was written, with what runs of it after a deploy.
func (c *call) reread(o models.Owner, w wish) (models.Owner, error) {
	if !w.Deploy {
		return o, nil
	}
	return c.Store.Owner(c.ctx(), c.project.ID, o.Kind, o.Name)
}

// deployable is mayDeploy for policies.
func (c *call) deployable(m metadata) error {
	return prefixed("operationMetadata", c.mayDeploy(m.wish()))
}

func (m metadata) wish() wish { return wish{m.Deploy, m.Environments} }

// deployed answers a change of the flow of an owner, deployed as the metadata
// asks for.
func (c *call) deployed(o models.Owner, w wish) (deployAnswer, error) {
	after, err := c.Store.Owner(c.ctx(), c.project.ID, o.Kind, o.Name)
	if err != nil {
		return deployAnswer{}, err
	}
	c.tag(after.FlowVersions()...)
	return deployAnswer{success(), c.carryOut(after, w)}, nil
}

// deployTo deploys an owner to environments, one after the other, as it was saved.
func (c *call) deployTo(o models.Owner, places []string, note string) deployment {
	return c.eachPlace(places, "Deployment successful", func(place string) (models.DeployResult, error) {
		return c.Store.Deploy(c.ctx(), c.by(), c.project.ID, o.ID, place, note, c.asSaved(o))
	})
}

// asSaved refuses to deploy what is not any more what was saved, when the write was
// for a certain version. It is asked in the transaction of the deploy.
func (c *call) asSaved(saved models.Owner) models.Seen {
	return func(now models.Owner) error {
		if c.conditional() && !slices.Equal(now.FlowVersions(), saved.FlowVersions()) {
			return problem.List{{Message: "It was changed again after it was saved. Look at it, and deploy it by itself."}}
		}
		return nil
	}
}

// eachPlace changes what environments run and waits for their nodes.
func (c *call) eachPlace(places []string, done string, change func(place string) (models.DeployResult, error)) deployment {
	began := c.Now()
	all := *nothingDeployed()
	for _, place := range places {
		start := c.Now()
		result, err := change(place)
		if err != nil {
			all.add(environment{place, false, c.because(err)}, nil)
			continue
		}
		all.add(c.outcome(result, start, done))
	}
	all.ResponseTime = c.Now().Sub(began).Milliseconds()
	return all
}

func (d *deployment) add(e environment, nodes []nodeDetail) {
	d.Results, d.Details, d.Success = append(d.Results, e), append(d.Details, nodes...), d.Success && e.Success
}

// outcome is what the nodes of an environment say of a change.
func (c *call) outcome(result models.DeployResult, start time.Time, done string) (environment, []nodeDetail) {
	e, nodes := environment{result.Environment, true, done}, c.await(result, start)
	for _, n := range nodes {
		if !n.Success {
			e.Success, e.Message = false, n.Node+": "+n.Detail
		}
	}
	return e, nodes
}

// because is why a deploy failed, in words for the caller.
func (c *call) because(err error) string {
	if list := problem.Of(err); list != nil {
		return list.Error()
	}
	var stale *models.StaleError
	switch {
	case errors.As(err, &stale):
		return "It was changed meanwhile; try again."
	case isNotFound(err):
		return "It does not run there."
	}
	c.Logger.Error("deploy by the management API failed", "error", err, "correlationId", c.correlation())
	return "Something went wrong; the correlation id " + c.correlation() + " finds it in the log."
}

// await are the nodes' own reports on a deploy.
func (c *call) await(r models.DeployResult, start time.Time) []nodeDetail {
	wait, cancel := context.WithTimeout(c.ctx(), nodeWait)
	defer cancel()
	reports, err := c.Store.AwaitNodes(wait, r.Environment, r.Generation)
	if err != nil {
		c.Logger.Error("deployed, but the nodes' reports could not be read", "error", err, "correlationId", c.correlation())
		return nil
	}
	var list []nodeDetail
	for _, n := range reports {
		d := nodeDetail{Environment: n.Environment, Node: n.Node, Success: true, Detail: n.Message}
		switch {
		case n.Generation < r.Generation:
			d.Success, d.Detail = false, fmt.Sprintf("No answer within %d seconds; it takes over as soon as it can.", int(nodeWait.Seconds()))
		case !n.OK:
			d.Success, d.Detail = false, strings.TrimSpace(cmp.Or(n.Message, "The node gave no reason.")+" It keeps running what it ran before.")
		default:
			d.ResponseTime = max(0, n.At.Sub(start).Milliseconds())
		}
		list = append(list, d)
	}
	return list
}

func isNotFound(err error) bool { return errors.Is(err, models.ErrNotFound) }
