package ldap

import (
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// withPolicy adds what the directory's password policy says of a bind. Whoever
// must change the password first is refused as Active Directory refuses them:
// other directories let them in, to do nothing else than that.
func withPolicy(err error, said *ldap.SimpleBindResult) error {
	reason := policyReason(said)
	var r *result
	switch {
	case reason == "":
		return err
	case err == nil:
		return &result{code: ldap.LDAPResultInvalidCredentials, text: reason}
	case errors.As(err, &r):
		r.text = strings.TrimSpace(r.text + " " + reason)
	}
	return err
}

// policyReasons are the errors of a bind (draft-behera-ldap-password-policy-10
// section 6.2); others are about changes of passwords.
var policyReasons = map[int8]string{0: "the password has expired", 1: "the account is locked", 2: "the password must be changed first"}

// policyReason reads OpenLDAP's answer to our control, and the one that 389
// Directory Server gives unasked (draft-vchu-ldap-pwd-policy-00).
func policyReason(said *ldap.SimpleBindResult) string {
	if said == nil {
		return ""
	}
	if behera, ok := ldap.FindControl(said.Controls, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy); ok {
		return policyReasons[behera.Error]
	}
	if ldap.FindControl(said.Controls, ldap.ControlTypeVChuPasswordMustChange) != nil {
		return policyReasons[2]
	}
	return ""
}
