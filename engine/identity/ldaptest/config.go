package ldaptest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// config is slapd.conf. People may read all but passwords, strangers nothing
// but what is below ou=open.
func (s *Server) config() string {
	var b strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		fmt.Fprintf(&b, "include %q\n", filepath.Join(s.program.schema, schema+".schema"))
	}
	fmt.Fprint(&b, s.modules())
	fmt.Fprintf(&b, `
pidfile %[1]q
TLSCACertificateFile %[2]q
TLSCertificateFile %[3]q
TLSCertificateKeyFile %[4]q
allow bind_anon_dn
sizelimit size.soft=%[5]d size.hard=%[5]d size.pr=%[6]d size.prtotal=unlimited

database mdb
maxsize 33554432
dbnosync
suffix %[7]q
directory %[8]q
index objectClass,uid,mail,member,memberUid eq
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=open,%[9]s" by * read
access to * by users read by anonymous auth
overlay memberof
overlay ppolicy
ppolicy_default "cn=policy,ou=services,%[9]s"
ppolicy_use_lockout
`, s.path("slapd.pid"), s.path("ca.pem"), s.path("server.pem"), s.path("server.key"), Limit, PageLimit, Base, s.path("data"), Base)
	return b.String()
}

// modules loads what the program was not built with.
func (s *Server) modules() string {
	lines := ""
	for _, name := range []string{"back_mdb", "memberof", "ppolicy"} {
		for _, end := range []string{".la", ".so"} {
			if file := filepath.Join(s.program.modules, name+end); exists(file) {
				lines += fmt.Sprintf("moduleload %q\n", file)
				break
			}
		}
	}
	return lines
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
