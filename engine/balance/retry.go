package balance

// Retries are the rules of a second try.
type Retries struct {
	// Count is how many tries may follow the first one.
	Count int
	// Unavailable tries again after 502, 503 and 504 too, not only where no
	// connection came about.
	Unavailable bool
}

// Allow tells whether a call may be tried again after made tries, the last of
// which ended with o. read tells that some of its body has been read: it is gone.
func (r Retries) Allow(method string, read bool, o Outcome, made int) bool {
	if made > r.Count || read || !Idempotent(method) {
		return false
	}
	return o == NotConnected || o == Unavailable && r.Unavailable
}

// Idempotent tells whether a call of that method may be made twice (RFC 9110
// section 9.2.2).
func Idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}
