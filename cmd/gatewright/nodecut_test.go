package main

import (
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Two processes on one database, all of whose connections are cut: what is
// changed right after, while nobody listens, reaches both.
func TestWhatChangesWhileConnectionsAreCutReachesAllNodes(t *testing.T) {
	t.Parallel()
	l := newLone(t, passwords, func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.ES256 })
	changes := &estate{store: l.store, project: modelstest.Project(t, l.store, "Shop"), proxy: l.proxy, pair: l.pair}
	for _, role := range []string{"ops", "audit"} {
		if _, err := l.store.SaveRole(t.Context(), modelstest.By(), changes.project.ID, "", 0, role, ""); err != nil {
			t.Fatal(err)
		}
	}
	mia := changes.user(t, "mia", nil)
	changes.grant(t, mia)
	changes.grant(t, changes.user(t, "leo", nil))
	nodes := []*served{l.start(), l.start()}
	login := func(node *served, name string) outcome {
		resp, err := http.PostForm(node.gateway+"/auth/jwt", url.Values{
			"grant_type": {"password"}, "client_id": {l.proxy.ClientID}, "username": {name}, "password": {userPassword},
		})
		if err != nil {
			t.Fatal(err)
		}
		return read(t, resp)
	}
	good, stolen := login(nodes[0], "leo").text("access_token"), login(nodes[1], "leo").text("access_token")
	for round := range 2 {
		cut(t, l.url)
		l.store = openLone(t, l.url) // the test's own connections are cut too
		switch round {
		case 0:
			l.deploy("/v1")
		case 1:
			l.deploy("/v2")
			l.revoke(stolen)
			draft := mia.Draft()
			draft.Enabled = false
			if _, _, err := l.store.SaveCredential(t.Context(), modelstest.By(), changes.project.ID, mia.ID, mia.Version, draft); err != nil {
				t.Fatal(err)
			}
		}
		for _, node := range nodes {
			want := []string{"/v1/pets", "/v2/pets"}[round]
			eventually(t, "the deploy", func() bool { _, body := l.call(node.gateway, good); return body == want })
			if round == 0 {
				continue
			}
			eventually(t, "the revocation", func() bool { status, _ := l.call(node.gateway, stolen); return status == http.StatusUnauthorized })
			eventually(t, "the credential", func() bool { return login(node, "mia").text("error") == "invalid_grant" })
		}
	}
	if status, _ := l.call(nodes[1].gateway, good); status != http.StatusOK {
		t.Errorf("a token that has nothing to do with it is answered %d", status)
	}
	for _, node := range nodes {
		node.stop(t, syscall.SIGTERM)
	}
	eventually(t, "no report of a node that stopped", func() bool {
		reports, err := l.store.Nodes(t.Context())
		return err == nil && len(reports) == 0
	})
}

// cut ends every connection of a product to the database.
func cut(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), `with cut as (select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid()) select count(*) from cut`).Scan(&n); err != nil || n < 6 {
		t.Fatalf("cut %d connections, %v", n, err)
	}
	t.Logf("cut %d connections", n)
}
