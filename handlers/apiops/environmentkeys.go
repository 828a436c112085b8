package apiops

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// The signing keys of an environment (D6): its own, and those of the key stores
// of projects. Private halves go in and never come out.

const (
	keysPath = environmentPath + "keys/"
	keyPath  = keysPath + "{keyId}/"
)

func (a *API) environmentKeyOperations() []operation {
	const tag = "Environment keys"
	return []operation{
		{
			method: http.MethodGet, path: keysPath, id: "listKeys", tag: tag, summary: "List the keys of an environment", text: "Of keys that have ended, the last ones.",
			right: visit.ViewSystem, result: listOf[environmentKey]{}, do: a.listKeys,
		},
		{
			method: http.MethodPost, path: keysPath, id: "addKey", tag: tag, summary: "Make or import the next key",
			text:  "Without key one is made. It is published ahead and signs after a rotation; with signAtOnce as soon as every gateway node knows it.",
			right: visit.ManageSystem, body: keyBody{}, result: one[environmentKey]{}, do: a.addKey,
		},
		{
			method: http.MethodGet, path: keyPath, id: "getKey", tag: tag, summary: "Read a key with its public half", text: "A shared secret, such as that of HS256, has no public half.",
			right: visit.ViewSystem, result: one[environmentKeyDetail]{}, do: a.getKey,
		},
		{
			method: http.MethodPost, path: keyPath + "rotate/", id: "rotateKey", tag: tag, summary: "Let the next key sign in the place of this one",
			text:  "No valid token is refused: the present key goes on verifying. Where there is no next key one is made. Refused with 409 while a living node does not know the next key.",
			right: visit.ManageSystem, result: keyChanged{}, do: a.rotateKey,
		},
		{
			method: http.MethodPost, path: keyPath + "start/", id: "startKey", tag: tag, summary: "Let a next key sign where none does",
			right: visit.ManageSystem, result: keyChanged{}, do: a.startKey,
		},
		{
			method: http.MethodPost, path: keyPath + "retire/", id: "retireKey", tag: tag, summary: "End a retiring key, or throw a next one away", text: "Its private half is deleted; its tokens are refused from then on. The key that signs is refused with 409.",
			right: visit.ManageSystem, result: keyChanged{}, do: a.retireKey,
		},
		{
			method: http.MethodPost, path: keyPath + "revoke/", id: "revokeKey", tag: tag, summary: "Take a key away at once", text: "For an emergency. Where it signed, another one signs from the same moment.",
			right: visit.ManageSystem, result: keyChanged{}, do: a.revokeKey,
		},
		{
			method: http.MethodDelete, path: keyPath, id: "deleteKey", tag: tag, summary: "Remove a name from a key store", text: "With all its keys in the environment. Refused with 409 while a policy names it. The environment's own keys are retired or revoked instead.",
			right: visit.ManageSystem, result: keyChanged{}, do: a.deleteKey,
		},
		{
			method: http.MethodGet, path: environmentPath + "keySchedule/", id: "getKeySchedule", tag: tag, summary: "Read how keys are rotated by themselves",
			right: visit.ViewSystem, result: one[keySchedule]{}, versioned: true, do: a.getKeySchedule,
		},
		{
			method: http.MethodPut, path: environmentPath + "keySchedule/", id: "updateKeySchedule", tag: tag, summary: "Change how keys are rotated by themselves",
			right: visit.ManageSystem, body: keySchedule{}, result: one[keySchedule]{}, versioned: true, do: a.updateKeySchedule,
		},
	}
}

// environmentKey is a signing key without its material.
type environmentKey struct {
	Kid         string         `json:"keyId"`
	Algorithm   keys.Algorithm `json:"algorithm"`
	Project     string         `json:"projectName,omitempty" doc:"Whose key store it is in; absent for the environment's own."`
	Name        string         `json:"name,omitempty" doc:"Its name in the key store."`
	State       string         `json:"state" enum:"NEXT,ACTIVE,RETIRING,RETIRED,REVOKED"`
	Source      string         `json:"source" enum:"GENERATED,UPLOADED"`
	Bits        int            `json:"bits"`
	Unending    bool           `json:"mayHaveSignedForEver" doc:"Whether it may have signed tokens that never expire."`
	CreatedAt   time.Time      `json:"createdAt"`
	CreatedBy   string         `json:"createdBy"`
	ActivatedAt *time.Time     `json:"activatedAt,omitempty"`
	RetiringAt  *time.Time     `json:"retiringAt,omitempty"`
	RetireAt    *time.Time     `json:"retireAt,omitempty" doc:"When a retiring key is needed no longer."`
	EndedAt     *time.Time     `json:"endedAt,omitempty"`
}

func keyOf(k models.Key) environmentKey {
	return environmentKey{
		Kid: k.Kid, Algorithm: k.Algorithm, Project: k.Project, Name: k.Name, State: string(k.State), Source: string(k.Source), Bits: k.Bits, Unending: k.Unending,
		CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, ActivatedAt: momentOrNone(k.ActivatedAt), RetiringAt: momentOrNone(k.RetiringAt),
		RetireAt: momentOrNone(k.RetireAt), EndedAt: momentOrNone(k.EndedAt),
	}
}

type environmentKeyDetail struct {
	environmentKey
	LiveTokens int             `json:"liveTokens" doc:"That it signed, as far as the log of token requests goes back."`
	PublicJWK  json.RawMessage `json:"publicJwk,omitempty" doc:"As in the JWKS (RFC 7517)."`
	PublicPEM  string          `json:"publicPem,omitempty"`
}

type keyBody struct {
	Algorithm keys.Algorithm `json:"algorithm" required:"true"`
	Project   string         `json:"projectName" doc:"For the key store of a project; absent for the environment's own keys."`
	Name      string         `json:"name" doc:"In the key store."`
	Key       string         `json:"key" doc:"PEM or a JWK with the private half, to import. It is never answered."`
	Kid       string         `json:"keyId" doc:"Of an imported key, instead of the one that it has."`
	AtOnce    bool           `json:"signAtOnce"`
}

// keyChanged is what a change of a key did.
type keyChanged struct {
	done
	Signs      *environmentKey `json:"signs,omitempty" doc:"The key that signs from now on, where that changed."`
	LiveTokens int             `json:"endedTokens" doc:"Live tokens that ended, as far as the log of token requests goes back."`
}

// keySchedule is written as it is read.
type keySchedule struct {
	RotateEvery  int `json:"rotateEveryDays" required:"true" doc:"The age at which a generated key is replaced; 0 for no schedule."`
	PublishAhead int `json:"publishAheadHours" required:"true" doc:"How long the next key is published before it signs."`
}

const day = 24 * time.Hour

// key is the one that the address names. Of several with the id one that has
// not ended is meant.
func (c *call) key() (models.Key, error) {
	e, err := c.place()
	if err != nil {
		return models.Key{}, err
	}
	list, err := c.Store.Keys(c.ctx(), e.Name)
	if err != nil {
		return models.Key{}, err
	}
	found := models.Key{}
	for _, k := range list {
		if k.Kid == c.name("keyId") && (found.ID == "" || found.State.Ended()) {
			found = k
		}
	}
	if found.ID == "" {
		err = models.ErrNotFound
	}
	return found, err
}

func (a *API) listKeys(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Keys(c.ctx(), e.Name)
	if err != nil {
		return nil, err
	}
	list := make([]environmentKey, len(all))
	for i, k := range all {
		list[i] = keyOf(k)
	}
	return listing(list, len(list)), nil
}

func (a *API) addKey(c *call) (any, error) {
	e, err := c.place()
	if err != nil {
		return nil, err
	}
	var body keyBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	slot := models.KeySlot{Environment: e.Name, Algorithm: body.Algorithm, Name: strings.TrimSpace(body.Name)}
	if body.Project != "" {
		p, err := a.Store.Project(c.ctx(), body.Project)
		if isNotFound(err) {
			return nil, invalid("projectName", "There is no project %q.", body.Project)
		}
		if err != nil {
			return nil, err
		}
		slot.ProjectID = p.ID
	}
	k, err := c.nextKey(slot, body)
	if err != nil {
		return nil, refielded(err, map[string]string{"project": "projectName", "kid": "keyId"})
	}
	return single(keyOf(k)), nil
}

// nextKey makes or imports it, and lets it sign where that was asked for.
func (c *call) nextKey(slot models.KeySlot, body keyBody) (models.Key, error) {
	var next models.Key
	var err error
	switch {
	case body.Key != "":
		next, err = c.Store.UploadKey(c.ctx(), c.by(), slot, models.KeyUpload{Text: secret.New(body.Key), Kid: strings.TrimSpace(body.Kid)})
	case body.Kid != "":
		return next, invalid("keyId", "Leave it out: a key that is made gets an id of its own.")
	default:
		next, err = c.Store.PrepareNextKey(c.ctx(), c.by(), slot)
	}
	if err != nil || !body.AtOnce {
		return next, err
	}
	active, err := c.signing(next.KeySlot)
	if err != nil {
		return next, err
	}
	r, err := c.Store.RotateKey(c.ctx(), c.by(), next.KeySlot, active)
	return r.New, stateOf(err)
}

// signing is the id of the key that signs in a slot, "" for none.
func (c *call) signing(slot models.KeySlot) (string, error) {
	list, err := c.Store.Keys(c.ctx(), slot.Environment)
	for _, k := range list {
		if k.KeySlot == slot && k.State == models.KeyActive {
			return k.Kid, nil
		}
	}
	return "", err
}

// stateOf makes a conflict of what keeps a key from changing its state: nothing
// that was sent is wrong.
func stateOf(err error) error {
	if l := problem.Of(err); l != nil {
		return conflict("%s", l.Error())
	}
	return err
}

func (a *API) getKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	d := environmentKeyDetail{environmentKey: keyOf(k)}
	if k.State.Ended() {
		return single(d), nil
	}
	live, err := a.Store.LiveTokens(c.ctx(), k)
	if err != nil {
		return nil, err
	}
	half, err := a.Store.PublicHalf(c.ctx(), k.Environment, k.ID)
	if err != nil {
		return nil, err
	}
	d.LiveTokens, d.PublicJWK, d.PublicPEM = live.Total, half.JWK, string(half.PEM)
	return single(d), nil
}

// rotated answers who signs now.
func rotated(r models.KeyRotation, err error) (any, error) {
	if err != nil {
		return nil, stateOf(err)
	}
	k := keyOf(r.New)
	return keyChanged{done: success(), Signs: &k}, nil
}

func (a *API) rotateKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if k.State != models.KeyActive {
		return nil, conflict("%s does not sign: it is %s. Rotate the key that is ACTIVE.", k.Kid, k.State)
	}
	return rotated(a.Store.RotateKey(c.ctx(), c.by(), k.KeySlot, k.Kid))
}

func (a *API) startKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if k.State != models.KeyNext {
		return nil, conflict("%s is %s; only a key that is NEXT can be started.", k.Kid, k.State)
	}
	return rotated(a.Store.StartKey(c.ctx(), c.by(), k.Environment, k.ID))
}

func (a *API) retireKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if k.State.Ended() {
		return nil, conflict("%s has ended already: it is %s.", k.Kid, k.State)
	}
	live, err := a.Store.RetireKey(c.ctx(), c.by(), k.Environment, k.ID)
	if err != nil {
		return nil, stateOf(err)
	}
	return keyChanged{done: success(), LiveTokens: live.Total}, nil
}

func (a *API) revokeKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if k.State.Ended() {
		return nil, conflict("%s has ended already: it is %s.", k.Kid, k.State)
	}
	r, err := a.Store.RevokeKey(c.ctx(), c.by(), k.Environment, k.ID)
	if err != nil {
		return nil, stateOf(err)
	}
	changed := keyChanged{done: success(), LiveTokens: r.Live.Total}
	if r.New.ID != "" {
		k := keyOf(r.New)
		changed.Signs = &k
	}
	return changed, nil
}

func (a *API) deleteKey(c *call) (any, error) {
	k, err := c.key()
	if err != nil {
		return nil, err
	}
	if k.Own() {
		return nil, conflict("%s is a key of the environment's own; retire or revoke it.", k.Kid)
	}
	live, err := a.Store.DeleteNamedKey(c.ctx(), c.by(), k.Environment, k.ProjectID, k.Name)
	if err != nil {
		return nil, stateOf(err)
	}
	return keyChanged{done: success(), LiveTokens: live.Total}, nil
}

// schedule is that of the environment of the address, when it is at the version
// of If-Match.
func (c *call) schedule() (models.Environment, models.KeySchedule, error) {
	e, err := c.Store.Environment(c.ctx(), c.name("environmentName"))
	if err != nil {
		return e, models.KeySchedule{}, err
	}
	k, err := c.Store.KeySchedule(c.ctx(), e.Name)
	if err == nil && c.op.writes() {
		err = c.matches(k.Version)
	}
	return e, k, err
}

func (c *call) scheduled(k models.KeySchedule) (any, error) {
	c.tag(k.Version)
	return single(keySchedule{int(k.RotateEvery / day), int(k.PublishAhead / time.Hour)}), nil
}

func (a *API) getKeySchedule(c *call) (any, error) {
	_, k, err := c.schedule()
	if err != nil {
		return nil, err
	}
	return c.scheduled(k)
}

func (a *API) updateKeySchedule(c *call) (any, error) {
	e, k, err := c.schedule()
	if err != nil {
		return nil, err
	}
	var body keySchedule
	if err := c.read(&body); err != nil {
		return nil, err
	}
	// Beyond these no duration could hold it; the store judges the rest.
	most := int(models.MaxRotateEvery / day)
	k.RotateEvery = time.Duration(min(max(body.RotateEvery, -1), most+1)) * day
	k.PublishAhead = time.Duration(min(max(body.PublishAhead, -1), (most+1)*24)) * time.Hour
	saved, err := a.Store.SaveKeySchedule(c.ctx(), c.by(), e.Name, k)
	if err != nil {
		return nil, refielded(err, map[string]string{"rotateEvery": "rotateEveryDays", "publishAhead": "publishAheadHours"})
	}
	return c.scheduled(saved)
}
