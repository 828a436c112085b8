package link

import "net/url"

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Reports is where all reports of a project are.
func Reports(project string) string { return path("projects", project, "reports") }

// PolicyUsage is the report of the places in which policies run.
func PolicyUsage(project string) string { return Reports(project) + "/policy-usage" }

// ProxyGroupUsage is the report of proxy groups.
func ProxyGroupUsage(project string) string { return Reports(project) + "/proxy-group-usage" }

// PolicyGroupUsage is the report of policy groups.
func PolicyGroupUsage(project string) string { return Reports(project) + "/policy-group-usage" }

// UsageOfPolicy is the report of the places in which one policy runs.
func UsageOfPolicy(project, typ, name string) string {
	return PolicyUsage(project) + query("type", typ, "policy", name)
}

// UsageOfPolicyGroup is the report of the places in which policies run as members of
// a policy group.
func UsageOfPolicyGroup(project, name string) string {
	return PolicyUsage(project) + query("group", name)
}

// BulkDeploys are the last bulk deploys of a project.
func BulkDeploys(project string) string { return path("projects", project, "bulk-deploys") }

// NewBulkDeploy is where one is begun: with everything that runs a policy of a type.
func NewBulkDeploy(project, typ, name string) string {
	return path("projects", project, "new", "bulk-deploy") + query("type", typ, "policy", name)
}

// NewGroupBulkDeploy is where one is begun: with everything that runs a policy group.
func NewGroupBulkDeploy(project, name string) string {
	return path("projects", project, "new", "bulk-deploy") + query("group", name)
}

// BulkDeploy is where a bulk deploy is watched; "/cancel" and "/resume" are its
// actions.
func BulkDeploy(project, id string) string { return BulkDeploys(project) + path("of", id) }
