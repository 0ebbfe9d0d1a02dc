//go:build !unix

package agent_test

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// processorTime is about how long the processors have worked for this process:
// the runtime's estimate, which a busy machine makes larger.
func processorTime() time.Duration {
	runtime.GC() // which brings the figures up to date
	s := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() - s[1].Value.Float64()) * float64(time.Second))
}
