// Package fault owns the error catalogue: every answer that the gateway gives
// of itself, by type, with the code, the status and the message that callers
// see (D9, D10).
package fault

import (
	"encoding/json"
	"net/http"
)

// Type names a row of the catalogue.
type Type string

// The types in use, as the catalogue spells them.
const (
	Unexpected         Type = "APIPROXY"
	NotFound           Type = "APIPROXY_NOTFOUND"
	DirectAccess       Type = "APIPROXYGROUP_ACCESS_DISABLED_FROM_PROXY"
	MethodNotFound     Type = "API_METHOD_NOTFOUND"
	MethodNotAllowed   Type = "API_METHOD_NOTALLOWED"
	BadRequest         Type = "BAD_REQUEST"
	TooLarge           Type = "REQUEST_TOO_LARGE"
	TokenMissing       Type = "POLICY_AUTH_EMPTYUSERNAMEORPSSWD"
	TokenAmbiguous     Type = "POLICY_AUTH_AMBIGUOUS"
	TokenNotValid      Type = "POLICY_AUTH_JWT_NOT_VALID"
	TooManyForged      Type = "POLICY_AUTH_JWT_TOO_MANY_FORGED"
	UserRefused        Type = "POLICY_AUTH_USERNOTEXISTS"
	SourceFailedAPI    Type = "POLICY_AUTH_EX_API"
	SourceFailedDB     Type = "POLICY_AUTH_EX_DB"
	SourceFailedLDAP   Type = "POLICY_AUTH_EX_LDAP"
	RolesUnavailable   Type = "POLICY_AUTHORIZATION_EX"
	EndpointUnknown    Type = "POLICY_AUTHORIZATION_METHOD_NOT_FOUND"
	RoleMissing        Type = "POLICY_ROLE_GROUP_BASED_ACCESS"
	AddressDenied      Type = "POLICY_ROLE_GROUP_BASED_IP_CHECK_ACCESS"
	ClientUnknown      Type = "APIPROXY_NOTFOUND_FORTOKEN"
	ClientRefused      Type = "CREDENTIAL_NOTVALID_FORTOKEN"
	WrongTokenPath     Type = "URL_TOKEN_MANAGEMENT_TYPE_MISMATCH"
	UpstreamTimeout    Type = "POLICY_ROUTING_TIMEOUT"
	UpstreamUnknown    Type = "POLICY_ROUTING_UNKNOWNHOST"
	UpstreamRefused    Type = "POLICY_ROUTING_CONNECTIONREFUSED"
	UpstreamConnection Type = "POLICY_ROUTING_CONNECTION"
	UpstreamTLS        Type = "POLICY_ROUTING_SSLHANDSHAKE"
	UpstreamAnswered   Type = "POLICY_ROUTING_API_ERROR"
	UpstreamResting    Type = "POLICY_ROUTING_UNAVAILABLE"
	Unavailable        Type = "GATEWAY_UNAVAILABLE"
	Overloaded         Type = "GATEWAY_OVERLOADED"
)

// The types that are about a policy's condition.
const (
	ConditionNumber Type = "CONDITION_RULE_FORMAT_NUMERIC"
	ConditionDate   Type = "CONDITION_RULE_FORMAT_DATE"
	ConditionBody   Type = "CONDITION_RULE_FORMAT_BODY"
	ConditionFailed Type = "CONDITION_RULE_EX"
	ConditionUnmet  Type = "CONDITION_NOT_MET"
)

// The types of token requests alone.
const (
	ScopeRefused     Type = "POLICY_AUTHORIZATION_WRONG_SCOPE"
	GrantUnsupported Type = "TOKEN_GRANT_UNSUPPORTED"
	ClientDenied     Type = "TOKEN_CLIENT_NOT_ALLOWED"
	TargetInvalid    Type = "TOKEN_TARGET_INVALID"
	RefreshRefused   Type = "TOKEN_REFRESH_NOT_VALID"
	TooManyAttempts  Type = "TOKEN_TOO_MANY_ATTEMPTS"
	TokenInvalid     Type = "TOKEN_REQUEST_INVALID"
	TokenBusy        Type = "TOKEN_SERVICE_UNAVAILABLE"
	TokenFailed      Type = "TOKEN_SERVICE_FAILED"
)

// The types that are about a credential of the secret manager.
const (
	CredentialUnknown       Type = "POLICY_AUTH_CREDENTIAL_NOTEXISTS"
	CredentialProxyDenied   Type = "POLICY_AUTH_CREDENTIAL_PROXYNOTALLOWED"
	CredentialMethodDenied  Type = "POLICY_AUTH_CREDENTIAL_METHODNOTALLOWED"
	CredentialAddressDenied Type = "POLICY_AUTH_CREDENTIAL_IPNOTALLOWED"
	CredentialExpired       Type = "POLICY_AUTH_CREDENTIAL_EXPIRED"
	CredentialSecret        Type = "POLICY_AUTH_CREDENTIAL_PSSWD"
	CredentialEnvironment   Type = "POLICY_AUTH_CREDENTIAL_ENVNOTALLOWED"
)

// Row is one entry of the catalogue.
type Row struct {
	Type Type
	// Code is the stable short code, such as "ERR-044".
	Code string
	// Status is the HTTP status of the answer.
	Status int
	// Message is what the caller reads; it helps no attacker.
	Message string
}

// The statuses of backend trouble follow D9's rule that an answer says whose
// fault it is: 502 and 504, where the reference catalogue has 404, 408 and 503.
var catalogue = map[Type]Row{
	Unexpected: {Unexpected, "ERR-001", http.StatusInternalServerError, "The gateway could not handle the request."},
	NotFound:   {NotFound, "ERR-002", http.StatusNotFound, "No API is served at this address."},
	// The reference catalogue has 401; but who the caller is plays no part (D9).
	DirectAccess:     {DirectAccess, "ERR-134", http.StatusForbidden, "This API is not open at this address."},
	MethodNotFound:   {MethodNotFound, "ERR-006", http.StatusNotFound, "The API has no such endpoint."},
	MethodNotAllowed: {MethodNotAllowed, "ERR-007", http.StatusMethodNotAllowed, "The endpoint does not allow this method."},
	BadRequest:       {BadRequest, "ERR-008", http.StatusBadRequest, "The request is malformed or ambiguous."},
	TooLarge:         {TooLarge, "ERR-009", http.StatusRequestEntityTooLarge, "The request is larger than the gateway accepts."},
	TokenMissing:     {TokenMissing, "ERR-032", http.StatusUnauthorized, "Authentication is required."},
	TokenAmbiguous:   {TokenAmbiguous, "ERR-046", http.StatusBadRequest, "Send exactly one access token, in one Authorization header."},
	TokenNotValid:    {TokenNotValid, "ERR-044", http.StatusUnauthorized, "The access token is not valid."},
	TooManyForged:    {TooManyForged, "ERR-151", http.StatusTooManyRequests, "Too many access tokens that are not valid. Try again later."},
	UserRefused:      {UserRefused, "ERR-035", http.StatusUnauthorized, "The user name or the password is wrong."},
	SourceFailedAPI:  {SourceFailedAPI, "ERR-036", http.StatusServiceUnavailable, "Users cannot be checked at the moment."},
	SourceFailedDB:   {SourceFailedDB, "ERR-037", http.StatusServiceUnavailable, "Users cannot be checked at the moment."},
	SourceFailedLDAP: {SourceFailedLDAP, "ERR-038", http.StatusServiceUnavailable, "Users cannot be checked at the moment."},
	RolesUnavailable: {RolesUnavailable, "ERR-052", http.StatusServiceUnavailable, "Roles cannot be checked at the moment."},
	EndpointUnknown:  {EndpointUnknown, "ERR-053", http.StatusForbidden, "This endpoint is not open to you."},
	RoleMissing:      {RoleMissing, "ERR-104", http.StatusForbidden, "You have not the role that this call needs."},
	AddressDenied:    {AddressDenied, "ERR-105", http.StatusForbidden, "Calls from this address are not allowed."},
	ClientUnknown:    {ClientUnknown, "ERR-112", http.StatusUnauthorized, "The client could not be authenticated."},
	ClientRefused:    {ClientRefused, "ERR-139", http.StatusUnauthorized, "The client could not be authenticated."},
	WrongTokenPath:   {WrongTokenPath, "ERR-140", http.StatusUnauthorized, "The client could not be authenticated."},

	CredentialUnknown:       {CredentialUnknown, "ERR-118", http.StatusUnauthorized, "The access token is not valid."},
	CredentialProxyDenied:   {CredentialProxyDenied, "ERR-119", http.StatusForbidden, "You may not use this API."},
	CredentialMethodDenied:  {CredentialMethodDenied, "ERR-120", http.StatusForbidden, "You may not use this method of the API."},
	CredentialAddressDenied: {CredentialAddressDenied, "ERR-121", http.StatusForbidden, "Calls from this address are not allowed."},
	CredentialExpired:       {CredentialExpired, "ERR-122", http.StatusUnauthorized, "The access token is not valid."},
	CredentialSecret:        {CredentialSecret, "ERR-123", http.StatusUnauthorized, "The client could not be authenticated."},
	CredentialEnvironment:   {CredentialEnvironment, "ERR-124", http.StatusUnauthorized, "The access token is not valid."},

	ConditionNumber: {ConditionNumber, "ERR-020", http.StatusBadRequest, "A value of the request is not a number."},
	ConditionDate:   {ConditionDate, "ERR-021", http.StatusBadRequest, "A value of the request is not a date."},
	ConditionBody:   {ConditionBody, "ERR-024", http.StatusBadRequest, "The body cannot be read."},
	ConditionFailed: {ConditionFailed, "ERR-023", http.StatusInternalServerError, "The gateway could not handle the request."},
	ConditionUnmet:  {ConditionUnmet, "ERR-025", http.StatusForbidden, "This request is not allowed."},

	ScopeRefused:     {ScopeRefused, "ERR-054", http.StatusBadRequest, "The requested scope is not granted."},
	GrantUnsupported: {GrantUnsupported, "ERR-141", http.StatusBadRequest, "This grant type is not supported."},
	ClientDenied:     {ClientDenied, "ERR-142", http.StatusBadRequest, "No tokens are issued for this client."},
	TargetInvalid:    {TargetInvalid, "ERR-143", http.StatusBadRequest, "Name one API that the token is for."},
	RefreshRefused:   {RefreshRefused, "ERR-144", http.StatusBadRequest, "The refresh token is not valid any more."},
	TooManyAttempts:  {TooManyAttempts, "ERR-145", http.StatusTooManyRequests, "Too many failed attempts."},
	TokenInvalid:     {TokenInvalid, "ERR-146", http.StatusBadRequest, "The token request is malformed."},
	TokenBusy:        {TokenBusy, "ERR-147", http.StatusServiceUnavailable, "The token service is busy."},
	TokenFailed:      {TokenFailed, "ERR-148", http.StatusInternalServerError, "The token could not be issued."},

	UpstreamTimeout:    {UpstreamTimeout, "ERR-066", http.StatusGatewayTimeout, "The API did not answer in time."},
	UpstreamUnknown:    {UpstreamUnknown, "ERR-067", http.StatusBadGateway, "The API's address cannot be resolved."},
	UpstreamRefused:    {UpstreamRefused, "ERR-069", http.StatusBadGateway, "The API refused the connection."},
	UpstreamConnection: {UpstreamConnection, "ERR-070", http.StatusBadGateway, "The connection to the API failed."},
	UpstreamTLS:        {UpstreamTLS, "ERR-114", http.StatusBadGateway, "No secure connection to the API could be made."},
	UpstreamAnswered:   {UpstreamAnswered, "ERR-071", http.StatusBadGateway, "The API answered with an error."},
	UpstreamResting:    {UpstreamResting, "ERR-150", http.StatusServiceUnavailable, "The API is not available at the moment."},
	Unavailable:        {Unavailable, "ERR-010", http.StatusServiceUnavailable, "The gateway is not ready."},
	Overloaded:         {Overloaded, "ERR-149", http.StatusServiceUnavailable, "The gateway has too much to do at the moment."},
}

// Find is the row of t; an unknown type is an unexpected error.
func Find(t Type) Row {
	if r, ok := catalogue[t]; ok {
		return r
	}
	return catalogue[Unexpected]
}

// ContentType is that of Body.
const ContentType = "application/json; charset=utf-8"

// Body is the default answer, {"statusCode":403,"message":"..."} (D10).
func (r Row) Body() []byte {
	b, err := json.Marshal(struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}{r.Status, r.Message})
	if err != nil { // a struct of an int and a string always marshals
		panic(err)
	}
	return b
}
