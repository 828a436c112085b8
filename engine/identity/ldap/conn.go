package ldap

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/secret"
)

// maxAnswer bounds what one question may bring, in bytes: a server that sends
// without end must not fill our memory.
const maxAnswer = 4 << 20

var errTooMuch = errors.New("the directory's answer is larger than 4 MiB")

// meter counts what is read and stops when the allowance is used up.
type meter struct {
	net.Conn
	left atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.left.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// conn is a connection to one server. It is used by one call at a time.
type conn struct {
	ldap   *ldap.Conn
	wire   *meter
	server int // index of Source.servers
	born   time.Time

	broken bool // by an error that leaves its state unknown

	idleSince time.Time
	retire    *time.Timer // closes it when it has been idle too long
}

// do asks one question. The library knows no context: when it ends, the
// connection is closed under it, which ends every wait.
func (c *conn) do(ctx context.Context, question func() error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	c.wire.left.Store(maxAnswer)
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	err := question()
	if !stop() {
		c.broken = true
		return context.Cause(ctx)
	}
	if err == nil || answered(err) {
		return err
	}
	c.broken = true
	if c.wire.left.Load() < 0 {
		return errTooMuch // which the library hides in a text
	}
	return err
}

// close takes the wire away first: the library waits for a write under way.
func (c *conn) close() {
	_ = c.wire.Close()
	if c.ldap != nil {
		_ = c.ldap.Close()
	}
}

// bind says who we are. The password must not be empty: a directory takes that
// for a visit by nobody and answers with success (RFC 4513 section 5.1.2).
func (c *conn) bind(ctx context.Context, dn string, password secret.Text) error {
	if dn == "" || password.IsZero() {
		return errors.New("bind without a name or a password")
	}
	var said *ldap.SimpleBindResult
	err := c.do(ctx, func() (err error) {
		said, err = c.ldap.SimpleBind(&ldap.SimpleBindRequest{
			Username: dn, Password: password.Reveal(), Controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()},
		})
		return err
	})
	return withPolicy(resultOf(err, password), said)
}

// search asks for entries. Referrals are not followed: whoever can write one
// into the directory would choose where our password goes.
func (c *conn) search(ctx context.Context, r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	r.DerefAliases = ldap.NeverDerefAliases
	if deadline, ok := ctx.Deadline(); ok {
		r.TimeLimit = int(time.Until(deadline)/time.Second) + 1
	}
	var found *ldap.SearchResult
	err := c.do(ctx, func() error {
		var err error
		found, err = c.ldap.Search(r)
		return err
	})
	if errors.Is(err, errTooMuch) {
		return nil, oneUser{err} // who may have written it into an entry of their own
	}
	return found, resultOf(err, secret.Text{})
}

// alive asks for nothing, only to see whether an answer comes. It takes a part
// of the time alone: what comes after a dead connection needs the rest.
func (c *conn) alive(ctx context.Context) error {
	if c.ldap.IsClosing() {
		return net.ErrClosed
	}
	ctx, cancel := share(ctx, 3)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	_, err := c.search(ctx, &ldap.SearchRequest{Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{noAttributes}})
	if c.broken {
		return err
	}
	return nil // any answer is a sign of life
}

// noAttributes asks for none (RFC 4511 section 4.5.1.8).
const noAttributes = "1.1"

// entries gets all entries page by page (RFC 2696), since servers limit how many
// they give at once. More than most are an error.
func (c *conn) entries(ctx context.Context, r *ldap.SearchRequest, most int) ([]*ldap.Entry, error) {
	page := ldap.NewControlPaging(pageSize)
	r.Controls = append(r.Controls, page)
	var all []*ldap.Entry
	for {
		found, err := c.search(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, found.Entries...)
		if len(all) > most {
			c.broken = true // the server still keeps the rest for us
			return nil, aboutUser("more than %d entries match", most)
		}
		next, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return all, nil
		}
		page.SetCookie(next.Cookie)
	}
}

// pageSize is small, because some servers refuse larger pages than they like.
const pageSize = 100
