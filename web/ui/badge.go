package ui

// State is what a thing is in, as the user reads it. Any word may be a state; those below have a tone and a shape.
type State string

// The states that the console knows.
const (
	StateActive           State = "Active"
	StatePassive          State = "Passive"
	StateDraft            State = "Draft"
	StateLive             State = "Live"
	StateNotDeployed      State = "Not deployed"
	StateRedeployRequired State = "Redeploy required"
	StateDeploying        State = "Deploying"
	StateFailed           State = "Failed"
	StateSucceeded        State = "Succeeded"
	StateGlobal           State = "Global"
	StateLocal            State = "Local"
	StateEnabled          State = "Enabled"
	StateDisabled         State = "Disabled"
	StateSuspended        State = "Suspended"
	StateNext             State = "Next"
	StateRetiring         State = "Retiring"
	StateRetired          State = "Retired"
	StateRevoked          State = "Revoked"
	StatePinned           State = "Pinned"
)

// look is a state's tone and shape. Shape and word carry the meaning where the colour is not seen.
type look struct {
	tone  Tone
	shape string
}

var looks = map[State]look{
	StateActive:           {ToneSuccess, "full"},
	StatePassive:          {ToneNeutral, "passive"},
	StateDraft:            {ToneNeutral, "half"},
	StateLive:             {ToneSuccess, "full"},
	StateNotDeployed:      {ToneNeutral, "passive"},
	StateRedeployRequired: {ToneWarning, "redeploy"},
	StateDeploying:        {ToneInfo, "half"},
	StateFailed:           {ToneDanger, "failed"},
	StateSucceeded:        {ToneSuccess, "full"},
	StateGlobal:           {ToneInfo, "globe"},
	StateLocal:            {ToneNeutral, "square"},
	StateEnabled:          {ToneSuccess, "full"},
	StateDisabled:         {ToneNeutral, "passive"},
	StateSuspended:        {ToneWarning, "passive"},
	StateNext:             {ToneInfo, "half"},
	StateRetiring:         {ToneWarning, "half"},
	StateRetired:          {ToneNeutral, "passive"},
	StateRevoked:          {ToneDanger, "failed"},
	StatePinned:           {ToneInfo, "pin"},
}

// StateOf is StateActive or StatePassive.
func StateOf(active bool) State {
	if active {
		return StateActive
	}
	return StatePassive
}
