package models

// TokenScope is what a personal token was made for. It only ever takes away: its
// owner's permissions are asked at each use, so a right that is lost is lost for
// the token too.
type TokenScope struct {
	// Permissions are the most that it allows; nil for all that its owner may do.
	Permissions Permissions
	// ProjectID is the only project that it opens; "" for each of its owner's.
	ProjectID string
}
