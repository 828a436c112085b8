package words_test

import (
	"reflect"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/words"
)

// A comparison must say every difference: whatever member of an upstream changes,
// the words do.
func TestEveryMemberOfAnUpstreamIsSaid(t *testing.T) {
	t.Parallel()
	base := func() *engine.Proxy {
		return &engine.Proxy{Upstream: engine.Upstream{
			URL: "http://a.test", Further: []engine.Address{{URL: "http://b.test"}}, Check: &engine.HealthCheck{Path: "/health"}, Retry: engine.Retry{Count: 1},
		}}
	}
	before := words.ProxySettings(*base())
	var each func(at func(*engine.Proxy) reflect.Value, path string)
	each = func(at func(*engine.Proxy) reflect.Value, path string) {
		switch v := at(base()); v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				each(func(p *engine.Proxy) reflect.Value { return at(p).Field(i) }, path+"."+v.Type().Field(i).Name)
			}
		case reflect.Pointer:
			each(func(p *engine.Proxy) reflect.Value { return at(p).Elem() }, path)
		case reflect.Slice:
			each(func(p *engine.Proxy) reflect.Value { return at(p).Index(0) }, path)
		default:
			p := base()
			change(at(p))
			if reflect.DeepEqual(before, words.ProxySettings(*p)) {
				t.Errorf("a change of %s is not said", path)
			}
		}
	}
	each(func(p *engine.Proxy) reflect.Value { return reflect.ValueOf(&p.Upstream).Elem() }, "upstream")
}

func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(v.Int() + 77)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		v.SetString(v.String() + "x")
	}
}

func TestAnAddressAloneHasNoFurtherWords(t *testing.T) {
	t.Parallel()
	u := engine.Upstream{URL: "http://a.test", ConnectTimeout: 1}
	if list := words.BalancingSettings(u); list != nil || words.UpstreamText(u) != u.URL {
		t.Errorf("%v, %s", list, words.UpstreamText(u))
	}
}
