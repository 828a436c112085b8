package ldap

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/secret"
)

// record writes down what is done when somebody watches; nil does not. The same
// code runs either way, so that a test shows what a login does.
type record struct{ steps []identity.Step }

func (r *record) step(text string, do func() (detail string, err error)) error {
	if r == nil {
		_, err := do()
		return err
	}
	start := time.Now()
	detail, err := do()
	if err != nil {
		detail = strings.TrimSpace(explain(err) + " " + detail)
	}
	r.steps = append(r.steps, identity.Step{Text: text, OK: err == nil, Detail: detail, Took: time.Since(start)})
	return err
}

// note adds what needed no question.
func (r *record) note(text, detail string) {
	if r != nil {
		r.steps = append(r.steps, identity.Step{Text: text, OK: true, Detail: detail})
	}
}

// refuse adds what was refused without a question.
func (r *record) refuse(text, detail string) {
	if r != nil {
		r.steps = append(r.steps, identity.Step{Text: text, Detail: detail})
	}
}

// Test implements identity.Tester.
func (s *Source) Test(ctx context.Context, name string, password secret.Text) identity.Report {
	log := &record{}
	var report identity.Report
	ctx, leave, err := s.enter(ctx)
	if err == nil {
		defer leave()
		report.Identity, report.Accepted, err = s.test(ctx, name, password, log)
	}
	report.Steps = log.steps
	if err != nil && !endsBadly(log.steps) { // such as a name that is missing in the entry
		report.Steps = append(report.Steps, identity.Step{Text: "Result", Detail: explain(err)})
	}
	return report
}

func endsBadly(steps []identity.Step) bool { return len(steps) > 0 && !steps[len(steps)-1].OK }

func (s *Source) test(ctx context.Context, name string, password secret.Text, log *record) (identity.Identity, bool, error) {
	switch {
	case name == "" && s.config.AuthMode == Simple && s.config.BindDN == "":
		c, err := s.reach(ctx, log, nil)
		if err == nil {
			c.close()
		}
		return identity.Identity{}, false, err
	case name == "":
		return identity.Identity{}, false, s.asService(ctx, log, func(*conn) error { return nil })
	case !fit(name):
		log.refuse("Check the name", "Nobody can have this name: it is longer than 256 bytes, has blanks at its ends, or characters that cannot be seen.")
		return identity.Identity{}, false, nil
	case password.IsZero():
		id, _, err := s.lookup(ctx, name, log)
		return id, false, err
	case !sayable(password):
		log.refuse("Check the password", "No directory is asked about a password with a zero byte in it.")
		return identity.Identity{}, false, nil
	}
	return s.login(ctx, name, password, log)
}

// explain says what an error means and what would help.
func explain(err error) string {
	var (
		refused *outgoing.Refused
		dns     *net.DNSError
		answer  *result
	)
	switch {
	case errors.As(err, &answer):
		return explainAnswer(answer)
	case errors.As(err, &refused):
		return "This address may not be called: " + refused.Error() + "."
	case errors.As(err, &dns):
		return "The host name cannot be resolved: " + dns.Error() + "."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nobody answers at this address and port."
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "There was no answer in time. Check the address, firewalls, and the time limit of this source."
	case strings.Contains(err.Error(), "x509: "):
		return "The server's certificate is not accepted: " + after(err.Error(), "x509: ") +
			". Paste the certificate of the authority that signed it into CA certificates, or set the name that it is for."
	}
	return upper(err.Error()) + "."
}

func explainAnswer(r *result) string {
	said := whyRefused(r)
	switch r.code {
	case ldap.LDAPResultInvalidCredentials:
		return "The name or the password is refused. " + said
	case ldap.LDAPResultNoSuchObject:
		return "There is no such entry; check the base DN. " + said
	case ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return "The directory wants an encrypted connection. " + said
	case ldap.LDAPResultInsufficientAccessRights:
		return "The account may not do this in the directory. " + said
	case ldap.LDAPResultUndefinedAttributeType, ldap.LDAPResultInappropriateMatching:
		return "The directory does not know an attribute of the filter. " + said
	case ldap.LDAPResultOperationsError: // Active Directory's answer to a search by a stranger
		return "The directory may want a bind first; set a bind DN. " + said
	}
	return said
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return strings.TrimSuffix(rest, ")")
}

func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
