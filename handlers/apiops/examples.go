package apiops

// The examples of the document. Requests are the seed's own, word for word; the
// answers have what ours say beyond the seed's.

const listPoliciesAnswer = `{
  "success": true,
  "status": "SUCCESS",
  "resultList": [
    {
      "apiProxy": {
        "name": "MyAPI",
        "relativePath": "/my-api",
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
            "jwtSignatureAlgorithm": "HS256",
            "authenticationType": "SECRET_MANAGER",
            "checkClientIpAddress": false,
            "leewaySeconds": 30,
            "clearAuth": false,
            "setIdentityToContext": true,
            "addUserToHeader": false,
            "authorization": {
              "enableAuthorization": false
            }
          }
        ],
        "responsePolicyList": [],
        "errorPolicyList": []
      }
    }
  ],
  "resultCount": 1
}`

const addPolicyBody = `{
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

const addPolicyAnswer = `{
  "success": true,
  "status": "SUCCESS",
  "deploymentResult": {
    "success": true,
    "responseTime": 12,
    "deploymentResults": [
      {
        "environmentName": "production",
        "success": true,
        "message": "Deployment successful"
      }
    ],
    "detailList": [
      {
        "envName": "production",
        "podName": "gw-1",
        "podIp": "",
        "success": true,
        "detail": "",
        "responseTime": 12
      }
    ]
  }
}`

const updatePolicyBody = `{
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

const deletePolicyBody = `{
  "operationMetadata": {
    "targetScope": "ALL",
    "targetPipeline": "REQUEST",
    "deploy": false
  }
}`

const deletePolicyAnswer = `{
  "success": true,
  "status": "SUCCESS",
  "deploymentResult": {
    "success": true,
    "responseTime": 0,
    "deploymentResults": [],
    "detailList": []
  }
}`
