package identity

import "context"

// Watcher is told of questions to an identity source as they are asked; what it
// returns is called with the end of each. Questions whose answers are remembered
// are not asked.
type Watcher func(ctx context.Context) (asked func(error))

type watcherKey struct{}

// Watch returns a context in which questions are told.
func Watch(ctx context.Context, w Watcher) context.Context {
	return context.WithValue(ctx, watcherKey{}, w)
}

// watched tells of a question that begins.
func watched(ctx context.Context) (asked func(error)) {
	if w, ok := ctx.Value(watcherKey{}).(Watcher); ok {
		return w(ctx)
	}
	return func(error) {}
}
