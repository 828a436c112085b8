package check

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// cluster is what kubectl apply -k would send.
type cluster struct {
	objects  []runtime.Object
	settings map[string]string
	pods     map[string]*appsv1.Deployment
	services map[string]*corev1.Service
	budgets  map[string]*policyv1.PodDisruptionBudget
	scalers  map[string]*autoscalingv2.HorizontalPodAutoscaler
	policies map[string]*networkingv1.NetworkPolicy
}

// manifests builds the kustomization and holds every object against the API:
// no unknown and no repeated field, every type right, every list's keys unique.
func manifests(t *testing.T) cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy", "kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	schemas := applyconfigurations.NewTypeConverter(scheme.Scheme)
	c := newCluster()
	for _, r := range built.Resources() {
		text := r.MustYaml()
		object, kind, err := strict.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", r.CurId(), err)
			continue
		}
		fields, err := r.Map()
		if err == nil {
			u := &unstructured.Unstructured{Object: fields}
			u.SetGroupVersionKind(*kind)
			_, err = schemas.ObjectToTyped(u)
		}
		if err != nil {
			t.Errorf("%s: %v", r.CurId(), err)
		}
		c.add(object)
	}
	return c
}

func newCluster() cluster {
	return cluster{
		pods: map[string]*appsv1.Deployment{}, services: map[string]*corev1.Service{},
		budgets: map[string]*policyv1.PodDisruptionBudget{}, scalers: map[string]*autoscalingv2.HorizontalPodAutoscaler{},
		policies: map[string]*networkingv1.NetworkPolicy{},
	}
}

func (c *cluster) add(object runtime.Object) {
	c.objects = append(c.objects, object)
	switch o := object.(type) {
	case *appsv1.Deployment:
		c.pods[o.Name] = o
	case *corev1.Service:
		c.services[o.Name] = o
	case *policyv1.PodDisruptionBudget:
		c.budgets[o.Name] = o
	case *autoscalingv2.HorizontalPodAutoscaler:
		c.scalers[o.Name] = o
	case *networkingv1.NetworkPolicy:
		c.policies[o.Name] = o
	case *corev1.ConfigMap:
		c.settings = o.Data
	}
}

func TestTheManifestsMeetTheSchemasOfKubernetes(t *testing.T) {
	t.Parallel()
	c := manifests(t)
	if len(c.objects) != 12 || len(c.pods) != 2 {
		t.Errorf("%d objects, %d deployments", len(c.objects), len(c.pods))
	}
}

func TestPodsMeetTheRestrictedStandard(t *testing.T) {
	t.Parallel()
	checks, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range manifests(t).pods {
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		for _, r := range checks.EvaluatePod(level, &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec) {
			if !r.Allowed {
				t.Errorf("%s: %s: %s", name, r.ForbiddenReason, r.ForbiddenDetail)
			}
		}
		pod := d.Spec.Template.Spec
		if root := pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem; root == nil || !*root {
			t.Errorf("%s may write to its root file system", name)
		}
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			t.Errorf("%s gets a token of the cluster that it does not need", name)
		}
	}
}

func TestPodsAreGivenSettingsThatTheProductKnows(t *testing.T) {
	t.Parallel()
	c := manifests(t)
	for name, d := range c.pods {
		pod := d.Spec.Template.Spec
		// For a Service called gatewright-console the kubelet sets GATEWRIGHT_CONSOLE_PORT, at which the start fails.
		if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
			t.Errorf("%s gets variables of Services that the product refuses", name)
		}
		environ := map[string]string{}
		for key, value := range c.settings {
			environ[key] = value
		}
		for _, e := range pod.Containers[0].Env {
			environ[e.Name] = e.Value
			if secret := strings.Contains(e.Name, "KEY") || strings.Contains(e.Name, "PASSWORD") || strings.Contains(e.Name, "DATABASE"); secret != (e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil) {
				t.Errorf("%s: %s: secrets, and only they, come from the Secret", name, e.Name)
			}
		}
		accepts(t, name, pod.Containers[0].Args, environ)
	}
}

func TestTheStopIsLongEnoughToDrain(t *testing.T) {
	t.Parallel()
	c := manifests(t)
	drain, err := time.ParseDuration(c.settings["GATEWRIGHT_DRAIN_TIMEOUT"])
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range c.pods {
		pod := d.Spec.Template.Spec
		pause := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < pause+drain+5*time.Second {
			t.Errorf("%s is killed after %v, and stops in %v and %v", name, grace, pause, drain)
		}
	}
}

func TestWhatManifestsNameIsThere(t *testing.T) {
	t.Parallel()
	c := manifests(t)
	for name, d := range c.pods {
		own := labels.Set(d.Spec.Template.Labels)
		if !picks(t, d.Spec.Selector, own) {
			t.Errorf("%s does not select its own pods", name)
		}
		service := c.services[name]
		if service == nil || !labels.SelectorFromSet(service.Spec.Selector).Matches(own) {
			t.Errorf("%s has no Service", name)
			continue
		}
		if budget := c.budgets[name]; budget == nil || !picks(t, budget.Spec.Selector, own) {
			t.Errorf("%s has no PodDisruptionBudget", name)
		}
		for _, p := range service.Spec.Ports {
			if !slices.Contains(portsOf(d), p.TargetPort.String()) {
				t.Errorf("the Service %s asks for port %s of %v", name, p.TargetPort.String(), portsOf(d))
			}
		}
		probes(t, name, d)
	}
	scaler := c.scalers["gatewright-gateway"]
	if scaler == nil || c.pods[scaler.Spec.ScaleTargetRef.Name] == nil || c.pods["gatewright-gateway"].Spec.Replicas != nil {
		t.Error("the autoscaler does not own the number of gateways")
	}
}

func picks(t *testing.T, s *metav1.LabelSelector, l labels.Set) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return !selector.Empty() && selector.Matches(l)
}

func portsOf(d *appsv1.Deployment) (names []string) {
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		names = append(names, p.Name)
	}
	return names
}

func probes(t *testing.T, name string, d *appsv1.Deployment) {
	t.Helper()
	container := d.Spec.Template.Spec.Containers[0]
	if !slices.Contains(portsOf(d), "ops") {
		t.Errorf("%s has no port for its probes", name)
	}
	for _, p := range []struct {
		probe *corev1.Probe
		path  string
	}{{container.StartupProbe, "/healthz"}, {container.LivenessProbe, "/healthz"}, {container.ReadinessProbe, "/readyz"}} {
		if p.probe == nil || p.probe.HTTPGet == nil || p.probe.HTTPGet.Path != p.path || p.probe.HTTPGet.Port.String() != "ops" {
			t.Errorf("%s: no probe asks %s", name, p.path)
		}
	}
}

func TestNetworkPoliciesOpenWhatIsNeededAndNoMore(t *testing.T) {
	t.Parallel()
	c := manifests(t)
	deny := c.policies["gatewright-deny"]
	if deny == nil || len(deny.Spec.PodSelector.MatchLabels) != 0 || len(deny.Spec.PolicyTypes) != 2 || len(deny.Spec.Ingress)+len(deny.Spec.Egress) != 0 {
		t.Error("not everything is denied first")
	}
	for name, d := range c.pods {
		var open []string
		for _, rule := range c.policies["gatewright-in"].Spec.Ingress {
			for _, p := range rule.Ports {
				open = append(open, p.Port.String())
			}
			if len(rule.From) == 0 {
				t.Error("a port is open to everybody")
			}
		}
		for _, port := range portsOf(d) {
			if !slices.Contains(open, port) {
				t.Errorf("%s: nobody may reach port %s", name, port)
			}
		}
	}
	if text := fmt.Sprint(c.policies["gatewright-out"].Spec.Egress); !strings.Contains(text, "169.254.0.0/16") {
		t.Errorf("the metadata of the cloud can be reached: %s", text)
	}
}
