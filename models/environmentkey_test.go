package models_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/models/modelstest"
)

// Keys that an older version made must outlive what that version deployed.
func TestTheMigrationFindsOutForHowLongOlderKeysAreNeeded(t *testing.T) {
	t.Parallel()
	conn := connect(t, modelstest.Empty(t))
	files, err := filepath.Glob("../migrations/00*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "0010_signing_keys.sql" {
			older(t, conn)
		}
		sql, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), string(sql)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for algorithm, want := range map[string]string{"ES256": "7200 false 256 true", "RS256": "900 true 2048 true", "HS256": "0 false 512 true"} {
		got := scalar[string](t, conn, `select concat_ws(' ', max_token_seconds, unending::text, bits, (activated_at = created_at)::text)
			from environment_keys where algorithm = $1`, algorithm)
		if got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}

// older is what a version before the migration may have left: revisions of two
// hours, of a quarter of an hour and of never, and a key that nothing used.
func older(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	const stamp = "version, created_at, created_by, updated_at, updated_by"
	const stamped = "1, now(), 'x', now(), 'x'"
	for _, sql := range []string{
		`insert into projects (id, name, description, ` + stamp + `) values ('00000000-0000-0000-0000-000000000001', 'P', '', ` + stamped + `)`,
		`insert into environments (id, name, type, public_url, generation, ` + stamp + `)
			values ('00000000-0000-0000-0000-000000000002', 'production', 'PRODUCTION', 'http://p.test', 1, ` + stamped + `)`,
		`insert into api_proxies (id, project_id, name, description, client_id, client_secret_hash, base_path, methods, upstream_url, connect_timeout, response_timeout, ` + stamp + `)
			values ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', 'a', '', 'c', '$argon2id$x', '/a', '[]', 'http://u.test', 0, 0, ` + stamped + `)`,
		`insert into revisions (id, proxy_id, environment_id, number, definition, digest, note, created_at, created_by)
			select gen_random_uuid(), '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000002', n, d::json, repeat('0', 64), '', now(), 'x'
			from (values
				(1, '{"policies":[{"policy":{"jwtSignatureAlgorithm":"ES256","tokenNeverExpires":false,"tokenExpiresInAmount":2,"tokenExpiresInUnit":"HOURS"}}]}'),
				(2, '{"policies":[{"policy":{"jwtSignatureAlgorithm":"ES256","tokenNeverExpires":false,"tokenExpiresInAmount":30500,"tokenExpiresInUnit":"MILLI_SECONDS"}},
					{"policy":{"jwtSignatureAlgorithm":"RS256","tokenNeverExpires":false,"tokenExpiresInAmount":15,"tokenExpiresInUnit":"MINUTES"}}]}'),
				(3, '{"policies":[{"policy":{"jwtSignatureAlgorithm":"RS256","tokenNeverExpires":true}}]}'),
				(4, '{"route":{"basePath":"/a"}}')
			) r (n, d)`,
		`insert into environment_keys (id, environment_id, kid, algorithm, state, material, created_at, created_by)
			select gen_random_uuid(), '00000000-0000-0000-0000-000000000002', a, a, 'ACTIVE', '\x01', now(), 'x' from unnest(array['ES256', 'RS256', 'HS256']) a`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}
