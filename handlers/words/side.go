package words

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/deploys"
)

// What can be compared beside revisions, which go by their number.
const (
	// Draft is the owner as it is edited.
	Draft = "draft"
	// Live is what an environment runs.
	Live = "live"
)

// Side is one of two that are compared; without parts where nothing runs.
type Side struct {
	Title string
	Parts []deploys.Part
}

// Comparison reads the sides of one owner, as an environment has or would have
// them.
type Comparison struct {
	Store *models.Store
	Types policy.Set
	Owner models.Owner
}

// Side is Draft, Live or the number of a revision.
func (c Comparison) Side(ctx context.Context, environment, which string) (Side, error) {
	switch which {
	case Draft:
		raw, _, err := c.Store.Draft(ctx, c.Owner.ID, environment)
		if err != nil {
			return Side{}, err
		}
		return c.read("what is edited", raw)
	case Live:
		number := c.running(environment)
		if number == 0 {
			return Side{Title: "what runs in " + environment}, nil
		}
		return c.revision(ctx, number, fmt.Sprintf("what runs in %s (revision %d)", environment, number))
	}
	number, err := strconv.ParseInt(which, 10, 32) // as wide as the column
	if err != nil || number < 1 {
		return Side{}, fmt.Errorf("compare with %q: %w", which, models.ErrNotFound)
	}
	return c.revision(ctx, int(number), fmt.Sprintf("revision %d", number))
}

// running is the number of the revision that runs, 0 for none.
func (c Comparison) running(environment string) int {
	for _, d := range c.Owner.Deployments {
		if strings.EqualFold(d.Environment, environment) {
			return d.Revision
		}
	}
	return 0
}

func (c Comparison) revision(ctx context.Context, number int, title string) (Side, error) {
	r, err := c.Store.Revision(ctx, c.Owner.ID, number)
	if err != nil {
		return Side{}, err
	}
	return c.read(title, r.Definition)
}

func (c Comparison) read(title string, raw json.RawMessage) (Side, error) {
	parts, err := Parts(c.Types, c.Owner.Kind, raw)
	if err != nil {
		return Side{}, fmt.Errorf("read definition of %s: %w", c.Owner.Name, err)
	}
	return Side{title, parts}, nil
}
