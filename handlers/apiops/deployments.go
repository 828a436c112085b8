package apiops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// deployable refuses, before anything is written, a deploy that the caller may
// not do or that names an environment which is not there.
func (c *call) deployable(o models.Owner, m metadata) error {
	if !m.Deploy {
		return nil
	}
	if !c.visit().Can(models.DeployAPIs) {
		return errForbidden
	}
	var l problem.List
	for i, name := range m.Environments {
		if !hasEnvironment(o, name) {
			l.Add(fmt.Sprintf("operationMetadata.deployTargetEnvironmentNameList[%d]", i), "There is no environment %q.", name)
		}
	}
	return l.Err()
}

func hasEnvironment(o models.Owner, name string) bool {
	for _, d := range o.Deployments {
		if d.Environment == name {
			return true
		}
	}
	return false
}

// deployed carries out the deploy that the metadata asks for and answers. The
// change itself is kept whatever becomes of it (reference 6.1).
func (c *call) deployed(o models.Owner, m metadata) (any, error) {
	after, err := c.Store.Owner(c.ctx(), c.project.ID, o.Kind, o.Name)
	if err != nil {
		return nil, err
	}
	c.tag(flowVersions(after)...)
	if !m.Deploy {
		return deployAnswer{success(), &deployment{Success: true, Results: []environment{}, Details: []nodeDetail{}}}, nil
	}
	places := m.Environments
	if len(places) == 0 {
		for _, d := range o.Deployments {
			if d.Revision > 0 {
				places = append(places, d.Environment)
			}
		}
	}
	result := c.deployTo(o, places, "Deployed by the management API")
	return deployAnswer{success(), &result}, nil
}

// deployTo deploys an owner to environments, one after the other.
func (c *call) deployTo(o models.Owner, places []string, note string) deployment {
	return c.eachPlace(places, "Deployment successful", func(place string) (models.DeployResult, error) {
		return c.Store.Deploy(c.ctx(), c.by(), c.project.ID, o.ID, place, note)
	})
}

// eachPlace changes what environments run and waits for their nodes.
func (c *call) eachPlace(places []string, done string, change func(place string) (models.DeployResult, error)) deployment {
	began := c.Now()
	all := deployment{Success: true, Results: []environment{}, Details: []nodeDetail{}}
	for _, place := range places {
		e := environment{Name: place, Success: true, Message: done}
		start := c.Now()
		result, err := change(place)
		if err != nil {
			e.Success, e.Message = false, c.because(err)
		} else {
			for _, n := range c.await(result, start) {
				if all.Details = append(all.Details, n); !n.Success {
					e.Success, e.Message = false, n.Node+": "+n.Detail
				}
			}
		}
		all.Results, all.Success = append(all.Results, e), all.Success && e.Success
	}
	all.ResponseTime = c.Now().Sub(began).Milliseconds()
	return all
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
