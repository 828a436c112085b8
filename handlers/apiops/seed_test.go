package apiops_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// The seed's own lines (seeds/management-api.txt): every path, value and answer
// is the document's; only host and token are ours.

const (
	seedList   = "/apiops/projects/MyProject/apiProxies/MyAPI/policies/"
	seedPolicy = seedList + "jwt-auth-policy/"
)

// seeded is a site with the project and the proxy of the document.
func seeded(t *testing.T) (*client, models.Owner) {
	t.Helper()
	c := begin(t)
	project := modelstest.Project(t, c.site.Store, "MyProject")
	return c, modelstest.Proxy(t, c.site.Store, project.ID, "MyAPI")
}

func TestTheSeedsExamples(t *testing.T) {
	t.Parallel()
	c, _ := seeded(t)
	c.send(t, http.MethodPost, seedPolicy, seedAdd).want(t, http.StatusOK).holds(t, seedAdded)
	// The document's list is what its curl line makes, whose description is shorter.
	c.send(t, http.MethodPut, seedPolicy, strings.Replace(seedAdd, " - issue and validate tokens", "", 1)).want(t, http.StatusOK).holds(t, seedAdded)
	c.get(t, seedList).want(t, http.StatusOK).holds(t, seedListed)
	c.send(t, http.MethodPut, seedPolicy, seedUpdate).want(t, http.StatusOK).holds(t, seedAdded)
	c.get(t, seedList).want(t, http.StatusOK).holds(t, `{"resultList":[{"apiProxy":{"requestPolicyList":[
		{"description":"Updated JWT authentication policy","tokenExpiresInAmount":7200,"refreshTokenCount":10,"grantType":"CLIENT_CREDENTIALS","jwtSignatureAlgorithm":"RS256"}]}}]}`)
	c.send(t, http.MethodDelete, seedPolicy, seedDelete).want(t, http.StatusOK).holds(t, seedDeleted)
	c.get(t, seedList).want(t, http.StatusOK).holds(t, `{"success":true,"resultList":[{"apiProxy":{"name":"MyAPI","requestPolicyList":[],"responsePolicyList":[],"errorPolicyList":[]}}],"resultCount":1}`)
	c.send(t, http.MethodDelete, seedPolicy, seedDelete).want(t, http.StatusNotFound)
}

func TestTheSeedsCurlLines(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl on this machine")
	}
	c, _ := seeded(t)
	for _, line := range []struct{ command, answer string }{
		{seedCurlAdd, seedAdded},
		{seedCurlList, seedListed},
		{seedCurlUpdate, seedAdded},
		{seedCurlDelete, seedDeleted},
	} {
		script := strings.NewReplacer("https://demo.apinizer.com", c.site.URL, "YOUR_TOKEN", c.token).Replace(line.command)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script+" -sS --fail-with-body").Output()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, out, line.command)
		}
		answer{Body: string(out)}.holds(t, line.answer)
	}
}

const seedCurlList = `curl -X GET \
  "https://demo.apinizer.com/apiops/projects/MyProject/apiProxies/MyAPI/policies/" \
  -H "Authorization: Bearer YOUR_TOKEN"`

const seedCurlAdd = `curl -X POST \
  "https://demo.apinizer.com/apiops/projects/MyProject/apiProxies/MyAPI/policies/jwt-auth-policy/" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "operationMetadata": {
      "targetScope": "ALL",
      "targetPipeline": "REQUEST",
      "deploy": true,
      "deployTargetEnvironmentNameList": ["production"],
      "order": 1
    },
    "policy": {
      "type": "policy-auth-jwt",
      "description": "JWT authentication policy",
      "active": true,
      "tokenNeverExpires": false,
      "tokenExpiresInAmount": 3600,
      "tokenExpiresInUnit": "SECONDS",
      "refreshTokenAllowed": true,
      "refreshTokenCount": 5,
      "refreshTokenExpiresInAmount": 86400,
      "refreshTokenExpiresInUnit": "SECONDS",
      "allowUrlParameters": false,
      "managedFromThisPolicy": true,
      "grantType": "PASSWORD",
      "jwtSignatureAlgorithm": "HS256"
    }
  }'`

const seedCurlUpdate = `curl -X PUT \
  "https://demo.apinizer.com/apiops/projects/MyProject/apiProxies/MyAPI/policies/jwt-auth-policy/" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "operationMetadata": {
      "targetScope": "ALL",
      "targetPipeline": "REQUEST",
      "deploy": true,
      "deployTargetEnvironmentNameList": ["production"],
      "order": 1
    },
    "policy": {
      "type": "policy-auth-jwt",
      "description": "Updated JWT authentication policy",
      "active": true,
      "tokenNeverExpires": false,
      "tokenExpiresInAmount": 7200,
      "tokenExpiresInUnit": "SECONDS",
      "refreshTokenAllowed": true,
      "refreshTokenCount": 10,
      "refreshTokenExpiresInAmount": 172800,
      "refreshTokenExpiresInUnit": "SECONDS",
      "allowUrlParameters": false,
      "managedFromThisPolicy": true,
      "grantType": "PASSWORD",
      "jwtSignatureAlgorithm": "HS256"
    }
  }'`

const seedCurlDelete = `curl -X DELETE \
  "https://demo.apinizer.com/apiops/projects/MyProject/apiProxies/MyAPI/policies/jwt-auth-policy/" \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "operationMetadata": {
      "targetScope": "ALL",
      "targetPipeline": "REQUEST",
      "deploy": false
    }
  }'`

const seedListed = `{
  "success": true,
  "resultList": [
    {
      "apiProxy": {
        "name": "MyAPI",
        "requestPolicyList": [
          {
            "type": "policy-auth-jwt",
            "name": "jwt-auth-policy",
            "description": "JWT authentication policy",
            "active": true,
            "tokenNeverExpires": false,
            "tokenExpiresInAmount": 3600,
            "tokenExpiresInUnit": "SECONDS",
            "refreshTokenAllowed": true,
            "refreshTokenCount": 5,
            "refreshTokenExpiresInAmount": 86400,
            "refreshTokenExpiresInUnit": "SECONDS",
            "allowUrlParameters": false,
            "managedFromThisPolicy": true,
            "grantType": "PASSWORD",
            "jwtSignatureAlgorithm": "HS256"
          }
        ],
        "responsePolicyList": [],
        "errorPolicyList": []
      }
    }
  ],
  "resultCount": 1
}`

const seedAdded = `{
  "success": true,
  "deploymentResult": {
    "success": true,
    "deploymentResults": [
      {
        "environmentName": "production",
        "success": true,
        "message": "Deployment successful"
      }
    ]
  }
}`

const seedDeleted = `{
  "success": true,
  "deploymentResult": {
    "success": true,
    "deploymentResults": []
  }
}`

// The bodies of the document, word for word.

const seedAdd = `{
  "operationMetadata": {
    "targetScope": "ALL",
    "targetPipeline": "REQUEST",
    "deploy": true,
    "deployTargetEnvironmentNameList": ["production"],
    "order": 1
  },
  "policy": {
    "type": "policy-auth-jwt",
    "description": "JWT authentication policy - issue and validate tokens",
    "active": true,
    "tokenNeverExpires": false,
    "tokenExpiresInAmount": 3600,
    "tokenExpiresInUnit": "SECONDS",
    "refreshTokenAllowed": true,
    "refreshTokenCount": 5,
    "refreshTokenExpiresInAmount": 86400,
    "refreshTokenExpiresInUnit": "SECONDS",
    "allowUrlParameters": false,
    "managedFromThisPolicy": true,
    "grantType": "PASSWORD",
    "jwtSignatureAlgorithm": "HS256"
  }
}`

const seedUpdate = `{
  "operationMetadata": {
    "targetScope": "ALL",
    "targetPipeline": "REQUEST",
    "deploy": true,
    "deployTargetEnvironmentNameList": ["production"],
    "order": 1
  },
  "policy": {
    "type": "policy-auth-jwt",
    "description": "Updated JWT authentication policy",
    "active": true,
    "tokenNeverExpires": false,
    "tokenExpiresInAmount": 7200,
    "tokenExpiresInUnit": "SECONDS",
    "refreshTokenAllowed": true,
    "refreshTokenCount": 10,
    "refreshTokenExpiresInAmount": 172800,
    "refreshTokenExpiresInUnit": "SECONDS",
    "allowUrlParameters": false,
    "managedFromThisPolicy": true,
    "grantType": "CLIENT_CREDENTIALS",
    "jwtSignatureAlgorithm": "RS256"
  }
}`

const seedDelete = `{
  "operationMetadata": {
    "targetScope": "ALL",
    "targetPipeline": "REQUEST",
    "deploy": false
  }
}`
