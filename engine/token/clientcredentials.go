package token

import "context"

// GrantClientCredentials is the grant_type of RFC 6749 section 4.4.
const GrantClientCredentials = "client_credentials"

// clientCredentials issues a token for the client itself, which the pipeline
// has authenticated: nothing is left to ask.
var clientCredentials = grant{
	name: GrantClientCredentials,
	authorize: func(_ context.Context, _ *request, o Owner) (principal, *failure) {
		return principal{subject: o.ClientID}, nil
	},
}
