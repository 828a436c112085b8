package fault

// meanings say of each row when it is the answer, and what helps. They are read
// by the people who run the API; the same row answers calls and token requests.
var meanings = map[Type]Explanation{
	Unexpected: {
		"Something in the gateway itself went wrong. The caller did nothing wrong.",
		"Look for the correlation id in the log of the gateway; the line says what failed. If it comes again, report it with that line.",
	},
	NotFound: {
		"No API proxy that is deployed in this environment serves the host and the path of the call.",
		"Compare the path with the base paths under API Proxies, and look whether the proxy is deployed in this environment. A proxy with hosts of its own answers under those only.",
	},
	DirectAccess: {
		"The API proxy is in a proxy group that blocks direct access, and was called at its own address.",
		"Call the API through the proxy group, or switch off its Block Direct Access and deploy the group.",
	},
	MethodNotFound: {
		"The path belongs to an API proxy, but none of the endpoints that the proxy names has it.",
		"Correct the path of the call, or add the endpoint to the proxy and deploy it.",
	},
	MethodNotAllowed: {
		"The endpoint exists, but not with this HTTP method. The Allow header of the answer names those that it has.",
		"Use one of these methods, or add the method as an endpoint of the proxy and deploy it.",
	},
	BadRequest: {
		"The request could be read in two ways, or broke off before it was complete. The gateway lets neither through: what it checks must be what the API gets.",
		"Have the client send a plain path without empty or dot segments and escaped slashes, and a body as long as it says. The reason below names what was found.",
	},
	TooLarge: {
		"The body is larger than the gateway accepts, or than it reads for a condition.",
		"Send less at once, or raise the limit with --max-body where the gateway is started. Conditions on the body read up to a limit of their own.",
	},
	TokenMissing: {
		"The call came without an access token.",
		"Ask for a token first and send it as: Authorization: Bearer <token>. The page of the proxy says how to ask.",
	},
	TokenAmbiguous: {
		"The call carried more than one credential, or a token where none is taken.",
		"Send exactly one access token, in one Authorization header.",
	},
	TokenNotValid: {
		"The token is not one that this policy accepts at this moment.",
		"Ask for a new token with the client id of this API. If that is refused too, compare the token's policy with the one named here.",
	},
	TooManyForged: {
		"So many tokens with a wrong signature came from this address, or its IPv6 network, that the signatures of tokens which this node has not seen before are checked only now and then. Tokens that it knows go on.",
		"Look in the security events who sends them. Behind the address of a NAT or a proxy others have to try again; name the proxies in --trusted-proxies, so that each caller counts alone. The limit is --max-forged.",
	},
	UserRefused: {
		"The identity source does not know the user, or the password is wrong. The caller is not told which of both.",
		"Have the user check name and password. The page of the identity source has a test that shows whether the source finds the user.",
	},
	SourceFailedAPI: {
		"The API that checks users did not answer, or not as agreed, so nobody could be checked.",
		"Look at the identity source's page: it shows whether the source answers and what its last error was. Then test it there.",
	},
	SourceFailedDB: {
		"The database that checks users did not answer, so nobody could be checked.",
		"Look at the identity source's page: it shows whether the source answers and what its last error was. Then test it there.",
	},
	SourceFailedLDAP: {
		"The directory (LDAP) that checks users did not answer, so nobody could be checked.",
		"Look at the identity source's page: it shows whether the source answers and what its last error was. Then test it there.",
	},
	RolesUnavailable: {
		"The policy reads the caller's roles anew at each call, and the source that knows them did not answer. Without them nobody is let in.",
		"Look at the identity source's page: it shows whether the source answers and what its last error was.",
	},
	EndpointUnknown: {
		"The policy asks for roles at single endpoints, and the call met no endpoint that the proxy names.",
		"Name the endpoints of the API in the proxy and deploy it, or take the rows of endpoints out of the policy's Authorization.",
	},
	RoleMissing: {
		"The token is right, but the caller has not the roles that the policy asks for.",
		"Give the caller the role where roles come from, and have it ask for a new token; or change the roles under Authorization in the policy.",
	},
	AddressDenied: {
		"Calls from this client address are not allowed.",
		"Add the address where addresses are listed, or call from one that is. Behind a load balancer, name it in --trusted-proxies: else its address is taken for the caller's.",
	},
	ClientUnknown: {
		"No deployed API proxy and no credential has the client id that was sent.",
		"Copy the client id from the proxy's or the credential's page. A proxy must be deployed in this environment, with a policy that issues tokens.",
	},
	ClientRefused: {
		"The client id is known, but the client secret is missing or wrong.",
		"Send the current secret. If it is lost, make a new one on the page of the proxy or the credential; the old one stops working then.",
	},
	WrongTokenPath: {
		"The client asked at the path of the other kind of tokens: /auth/jwt is for proxies whose policy issues the tokens, /credential/jwt for credentials.",
		"Use the other path. Which one is right follows from the setting Managed from this policy.",
	},
	CredentialUnknown: {
		"The token or the login names a credential that is not there, or is disabled.",
		"Look under Credentials whether it was deleted, renamed or disabled. A name counts exactly as it is spelt there.",
	},
	CredentialProxyDenied: {
		"The credential has no access to this API, or its access has ended.",
		"Grant access, or prolong it, on the Access page. It takes effect at once.",
	},
	CredentialMethodDenied: {
		"The credential may use this API, but not with this HTTP method.",
		"Allow the method in the credential's access on the Access page. It takes effect at once.",
	},
	CredentialAddressDenied: {
		"The credential may not be used from this client address.",
		"Add the address to the credential's list on its page under Credentials. Behind a load balancer, name it in --trusted-proxies: else its address is taken for the caller's.",
	},
	CredentialExpired: {
		"The credential that the caller uses has expired.",
		"Set a later expiry on the credential's page under Credentials. It takes effect at once.",
	},
	CredentialSecret: {
		"The credential exists, but the password is wrong.",
		"Send the current password. If it is lost, make a new one on the credential's page; the old one stops working then.",
	},
	CredentialEnvironment: {
		"The credential is disabled in this environment.",
		"Enable it for this environment on its page under Credentials. It takes effect at once.",
	},
	ConditionNumber: {
		"The policy's condition compares a value of the request as a number, and the value is none.",
		"Have the caller send a number there, or compare the value as text in the policy's Conditions.",
	},
	ConditionDate: {
		"The policy's condition compares a value of the request as a date, and the value is none.",
		"Have the caller send a date in the format that the condition names, or correct the format in the policy's Conditions.",
	},
	ConditionBody: {
		"The policy's condition reads a value out of the body, and the body is not valid JSON or XML.",
		"Have the caller send a valid body with the right Content-Type.",
	},
	ConditionFailed: {
		"The policy's condition could not be decided for this request. It is refused then, as leaving the policy out could let somebody in.",
		"Try the request in the tester on the policy's Conditions tab. The log of the gateway has what failed, with the correlation id.",
	},
	ConditionUnmet: {
		"The request does not meet the policy's condition, and the policy refuses such requests.",
		"Compare the request with the condition; the tester on the policy's Conditions tab lights what is not met. To let such requests go on without the policy, change what happens when the condition is not met.",
	},
	UpstreamTimeout: {
		"The API behind the proxy did not answer in time.",
		"Look whether the API is slow or overloaded, and whether the gateway reaches it. How long it may take is the proxy's connect and response timeout.",
	},
	UpstreamUnknown: {
		"The host name of the API behind the proxy cannot be resolved.",
		"Check the upstream address in the proxy's settings for a typo, and the DNS of the machine that the gateway runs on.",
	},
	UpstreamRefused: {
		"Nothing takes connections at the address of the API behind the proxy.",
		"Look whether the API runs, and whether host and port of the proxy's upstream address are right.",
	},
	UpstreamConnection: {
		"The connection to the API behind the proxy could not be made, or broke before the answer was complete.",
		"Look whether the API restarted or closed the connection, and what its log says at this moment.",
	},
	UpstreamTLS: {
		"No secure connection to the API behind the proxy could be made: its certificate is not trusted, is for another name or has expired, or it does not speak TLS.",
		"Check the certificate of the API, and whether the proxy's upstream address rightly begins with https.",
	},
	UpstreamAnswered: {
		"The API behind the proxy was reached and answered with an error of its own, which the proxy's error template took in.",
		"Look in the log of the API at this moment. The gateway let the call through.",
	},
	ScopeRefused: {
		"The token request asks for a scope that the caller has not as a role, or the caller has no role where one is needed.",
		"Have the client ask for less, or give the user or credential the role. How scopes are decided stands in Token Management.",
	},
	GrantUnsupported: {
		"The token request asks for a grant type that does not exist here.",
		"Have the client ask with client_credentials, password or refresh_token, whichever the Grant Type of the policy or of the credential is.",
	},
	ClientDenied: {
		"The client is known, but it may have no token this way: nothing that is deployed issues tokens for it, or its settings allow another grant type or no refreshes.",
		"Compare the request with the Grant Type and Refresh Token Allowed of the policy or of the credential. A proxy must be deployed with an active policy; a credential needs access to a proxy that leaves tokens to credentials.",
	},
	TargetInvalid: {
		"The token request does not name exactly one API that this client may have tokens for.",
		"Have the client name the API in the parameter resource, by its address or its name, or grant it access to that API.",
	},
	RefreshRefused: {
		"The refresh token cannot be used any more: it has expired, was used before, was refreshed as often as allowed, or its login was ended.",
		"Have the user log in again. If a client uses one refresh token twice, have it keep the new one of each answer.",
	},
	TooManyAttempts: {
		"There were too many failed attempts at this name or from this address, so that further ones have to wait.",
		"Wait as long as the Retry-After header says. If nobody is guessing, look which client sends a wrong password again and again.",
	},
	TokenInvalid: {
		"The token request is not one that RFC 6749 allows: a parameter is missing, sent twice or in the wrong place.",
		"Have the client send a POST with a form body; client id and secret go there or into a Basic header, never into the address. The reason below names what is wrong.",
	},
	TokenBusy: {
		"The token service had more to do than it can at once, or the database was away, so it gave this request up.",
		"Have the client try again shortly. If it stays so, look at the load of the nodes and at the database.",
	},
	TokenFailed: {
		"Something in the token service itself went wrong. The caller did nothing wrong.",
		"Look for the correlation id in the log of the gateway; the line says what failed. Roles and claims that do not fit into a token end here, too.",
	},
	UpstreamResting: {
		"Every address of the API rests after failures, or is down by its health check, and the proxy says that none is called then.",
		"Look at the API. Its addresses are tried again by themselves; the log of the gateway says since when each rests, and why.",
	},
	Unavailable: {
		"The gateway has just started and has no configuration yet.",
		"Try again in a moment. If it stays so, look in the log of the gateway whether it reaches its database.",
	},
	Overloaded: {
		"The gateway had as many calls under way as it may, or nearly all of its memory in use, so it refused this one at once.",
		"Have the client try again after the time that Retry-After says. If it stays so, look which API answers slowly, and add nodes or raise --max-calls.",
	},
}
