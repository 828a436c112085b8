package ldap

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/secret"
)

// result is an answer of the directory other than success. It does not wrap the
// library's error, which holds the whole packet.
type result struct {
	code uint16
	text string // what the directory said, shortened, without the password
}

func (r *result) Error() string {
	name := ldap.LDAPResultCodeMap[r.code]
	if r.text == "" {
		return fmt.Sprintf("directory answered %d (%s)", r.code, name)
	}
	return fmt.Sprintf("directory answered %d (%s): %s", r.code, name, r.text)
}

// answered tells an answer of the directory from a failure on the way.
func answered(err error) bool {
	var e *ldap.Error
	return errors.As(err, &e) && e.ResultCode < ldap.ErrorNetwork
}

// resultOf makes a result of an answer and leaves other errors as they are. A
// directory that repeats the password in its answer must not bring it into our
// log.
func resultOf(err error, password secret.Text) error {
	var e *ldap.Error
	if !errors.As(err, &e) || e.ResultCode >= ldap.ErrorNetwork {
		return err
	}
	text := strings.ToValidUTF8(strings.Map(printable, e.Err.Error()), "?")
	if hidden := password.Reveal(); hidden != "" {
		text = strings.ReplaceAll(text, hidden, password.String())
	}
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "..."
	}
	return &result{code: e.ResultCode, text: strings.TrimSpace(text)}
}

// maxSaid is how much of a directory's words is kept, in bytes.
const maxSaid = 300

func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// is tells whether err is one of those answers.
func is(err error, codes ...uint16) bool {
	var r *result
	if !errors.As(err, &r) {
		return false
	}
	for _, code := range codes {
		if r.code == code {
			return true
		}
	}
	return false
}

// refusal tells whether the answer to a user's bind is about that user: wrong
// password, no such entry, no password set, or shut out. Other directories than
// OpenLDAP and Active Directory tell a locked account by codes of its own; taken
// for failures, one locked user would make the whole source look broken.
func refusal(err error) bool {
	var r *result
	if !errors.As(err, &r) {
		return false
	}
	switch r.code {
	case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultNoSuchObject:
		return true
	case ldap.LDAPResultConstraintViolation: // 389 Directory Server: too many wrong passwords
		return true
	case ldap.LDAPResultUnwillingToPerform: // 389 and Oracle: account inactivated
		return strings.Contains(strings.ToLower(r.text), "inactivated")
	}
	return false
}

// ofAccount tells whether the answer to a user's bind, though no refusal, is
// about that user alone: a name that the directory's syntax does not allow, an
// entry that stands for another one, an account in a state of its own. Taken for
// a failure of the directory, five such logins would shut out everybody.
func ofAccount(err error) bool {
	return is(err, ldap.LDAPResultReferral, ldap.LDAPResultAliasProblem, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultAliasDereferencingProblem,
		ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform)
}

// ofReader makes an answer to a user who reads an entry of their own an error
// about that user.
func ofReader(err error) error {
	if elsewhere(err) {
		return err
	}
	return oneUser{err}
}

// elsewhere tells whether another server may do better.
func elsewhere(err error) bool {
	var r *result
	return !errors.As(err, &r) || is(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)
}

// adReason is where Active Directory says why it refused a bind.
var adReason = regexp.MustCompile(`\bdata ([0-9a-fA-F]{3,4})\b`)

var adReasons = map[string]string{
	"525": "there is no such user", "52e": "wrong name or password", "530": "logging in is not permitted at this time",
	"531": "logging in is not permitted from this computer", "532": "the password has expired", "533": "the account is disabled",
	"568": "the user is in too many groups", "701": "the account has expired", "773": "the password must be changed first",
	"775": "the account is locked",
}

// whyRefused is what the directory tells about a refused bind, for the
// administrator who tests. Callers of the token endpoint never see it.
func whyRefused(err error) string {
	var r *result
	if !errors.As(err, &r) {
		return ""
	}
	if m := adReason.FindStringSubmatch(r.text); m != nil {
		if reason, ok := adReasons[strings.ToLower(m[1])]; ok {
			return fmt.Sprintf("Active Directory says: %s (data %s).", reason, m[1])
		}
	}
	return "The " + strings.TrimSuffix(r.Error(), ".") + "."
}

// oneUser is an error that is about a single user's data and says nothing about
// the health of the directory.
type oneUser struct{ error }

// OneUser marks the error for callers who count failures of a source.
func (oneUser) OneUser() bool { return true }

func (e oneUser) Unwrap() error { return e.error }

func aboutUser(format string, args ...any) error { return oneUser{fmt.Errorf(format, args...)} }
