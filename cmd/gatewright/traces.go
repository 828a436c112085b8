package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// tracesFlush is how long a stop waits for the collector.
const tracesFlush = 3 * time.Second

// tracer follows calls and sends what it saw to an OpenTelemetry collector. It is
// also a sink: the token service reports what it did there.
type tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	tokens   sync.Map // event.Token by correlation id, until its call ends
}

// tracesURL is the collector's address, with the path of OTLP/HTTP when none is
// given; "" for none.
func (g *gatewayFlags) tracesURL() (string, error) {
	if !(g.TracesSample >= 0 && g.TracesSample <= 1) { // NaN is neither
		return "", fmt.Errorf("--traces-sample %v: write a share from 0 to 1, such as 0.01", g.TracesSample)
	}
	if g.Traces == "" {
		return "", nil
	}
	u, err := url.Parse(g.Traces)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return "", fmt.Errorf("--traces: write the address of a collector without a password, such as http://localhost:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// newTracer sends to a collector, which need not be there: what it does not take
// is counted, and no call waits for it.
func newTracer(ctx context.Context, url string, sample float64, node string, logger *slog.Logger, lost prometheus.Counter) (*tracer, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url))
	if err != nil {
		return nil, fmt.Errorf("--traces: %w", err)
	}
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(&countedExporter{exporter, logger, lost}),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(sample))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "gatewright"),
			attribute.String("service.version", buildVersion()), attribute.String("service.instance.id", node))),
	)
	return &tracer{provider: p, tracer: p.Tracer("github.com/gatewright/gatewright")}, nil
}

// Close sends what waits, unless the collector takes too long.
func (t *tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), tracesFlush)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what is lost was counted
}

// countedExporter counts spans that the collector did not take.
type countedExporter struct {
	sdk.SpanExporter
	logger *slog.Logger
	lost   prometheus.Counter
}

// ExportSpans sends spans on.
func (e *countedExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.lost.Add(float64(len(spans)))
		e.logger.Warn("traces not sent", "spans", len(spans), "error", err)
	}
	return nil
}

// Access is not taken from here: a call that is followed ends with its trace.
func (*tracer) Access(event.Access) {}

// Security is no part of a trace.
func (*tracer) Security(event.Security) {}

// Token keeps what the token service did until its call ends, which is at once.
func (t *tracer) Token(e event.Token) { t.tokens.Store(e.CorrelationID, e) }

// Begin implements engine.Tracer. The identity of a trace is taken over from
// trusted proxies alone, and then with their decision whether to record it.
func (t *tracer) Begin(header http.Header, trusted bool) engine.Trace {
	ctx := context.Background()
	if trusted && len(header["Traceparent"]) == 1 { // more than one are none (Trace Context, 3.2)
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	}
	f := &followed{t: t, began: time.Now()}
	f.ctx, f.call = t.tracer.Start(ctx, "call", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(f.began))
	return f
}

// followed is one call.
type followed struct {
	t         *tracer
	ctx       context.Context
	call      trace.Span
	upstream  trace.Span // nil until the API is asked
	began     time.Time
	forwarded time.Time // zero until then
	// inside is the context of the policy that runs; nil before and after. Questions
	// to identity sources are asked by goroutines of their own.
	inside atomic.Pointer[context.Context]
}

// innermost is the context of the policy that runs, else that of the call.
func (f *followed) innermost() context.Context {
	if ctx := f.inside.Load(); ctx != nil {
		return *ctx
	}
	return f.ctx
}

// Context implements engine.Trace.
func (f *followed) Context(ctx context.Context) context.Context {
	if !f.call.IsRecording() {
		return ctx
	}
	return identity.Watch(ctx, func(context.Context) func(error) {
		_, span := f.t.tracer.Start(f.innermost(), "identity source", trace.WithSpanKind(trace.SpanKindClient))
		return func(err error) {
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}
	})
}

var untold = func(error) {}

// Policy implements engine.Trace. A span has the name of the policy and how it
// ended, never its words: they may hold what the caller sent.
func (f *followed) Policy(lane policy.Pipeline, name string) func(error) {
	if !f.call.IsRecording() {
		return untold
	}
	ctx, span := f.t.tracer.Start(f.ctx, "policy "+name, trace.WithAttributes(attributes("gatewright.policy", name, "gatewright.pipeline", string(lane))...))
	f.inside.Store(&ctx)
	return func(err error) {
		f.inside.Store(nil)
		var refused *policy.Rejection
		switch {
		case errors.As(err, &refused):
			span.SetAttributes(attribute.String("gatewright.fault", string(refused.Fault)))
		case err != nil:
			span.SetStatus(codes.Error, "the policy failed")
		}
		span.End()
	}
}

// Forward implements engine.Trace. A stranger's trace goes no further, also when
// the call is not recorded.
func (f *followed) Forward(header http.Header) {
	if f.upstream != nil {
		f.upstream.End() // the call is sent a second time
	}
	header.Del("Traceparent")
	header.Del("Tracestate")
	f.forwarded = time.Now()
	var ctx context.Context
	ctx, f.upstream = f.t.tracer.Start(f.ctx, "upstream", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(f.forwarded))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
}

// End implements engine.Trace.
func (f *followed) End(a event.Access) {
	token, issued := f.t.tokens.LoadAndDelete(a.CorrelationID)
	if !f.call.IsRecording() {
		return
	}
	now := time.Now()
	f.endUpstream(&a, now)
	if issued {
		f.describeToken(token.(event.Token))
	} else {
		f.describe(&a, now)
	}
	f.call.SetAttributes(attribute.String("http.request.method", a.Method), attribute.String("url.path", a.Path),
		attribute.Int("http.response.status_code", a.Status), attribute.String("client.address", a.Client.String()),
		attribute.String("gatewright.environment", a.Environment), attribute.String("gatewright.correlation_id", a.CorrelationID))
	f.call.End(trace.WithTimestamp(now))
}

// endUpstream ends with the header of the API's answer, or with the call.
func (f *followed) endUpstream(a *event.Access, now time.Time) {
	if f.upstream == nil {
		return
	}
	if a.Upstream > 0 {
		now = f.forwarded.Add(a.Upstream)
	} else {
		f.upstream.SetStatus(codes.Error, a.Reason)
	}
	f.upstream.End(trace.WithTimestamp(now))
}

func (f *followed) describe(a *event.Access, now time.Time) {
	f.call.SetName(cmp.Or(a.Endpoint, a.Proxy, a.Group, "call"))
	if a.Proxy != "" {
		f.policies(a, now)
	}
	if a.Result == event.Failed {
		f.call.SetStatus(codes.Error, string(a.Fault))
	}
	f.call.SetAttributes(attributes("gatewright.result", string(a.Result), "gatewright.project", a.Project, "gatewright.group", a.Group,
		"gatewright.proxy", a.Proxy, "gatewright.fault", string(a.Fault), "gatewright.reason", a.Reason,
		"gatewright.token_check", string(a.TokenCheck))...)
}

// policies is the time from the call's arrival until the API was asked, or it was
// not.
func (f *followed) policies(a *event.Access, now time.Time) {
	if !f.forwarded.IsZero() {
		now = f.forwarded
	}
	_, span := f.t.tracer.Start(f.ctx, "policies", trace.WithTimestamp(f.began))
	span.SetAttributes(attributes("gatewright.refused_by", a.Policy)...)
	span.End(trace.WithTimestamp(now))
}

func (f *followed) describeToken(t event.Token) {
	f.call.SetName("token " + string(t.Operation))
	if t.Status >= http.StatusInternalServerError {
		f.call.SetStatus(codes.Error, t.Error)
	}
	f.call.SetAttributes(attributes("gatewright.project", t.Project, "gatewright.owner", t.Owner, "gatewright.policy", t.Policy,
		"gatewright.grant", t.Grant, "gatewright.source", t.Source, "gatewright.error", t.Error, "gatewright.reason", t.Reason,
		"gatewright.algorithm", t.Algorithm)...)
}

// attributes are made of names and values, without those that say nothing.
func attributes(pairs ...string) (list []attribute.KeyValue) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, attribute.String(pairs[i], pairs[i+1]))
		}
	}
	return list
}
