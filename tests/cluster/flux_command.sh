#!/bin/sh
# Flux's command for the steps of the guide: suspend, resume, reconcile, of kustomizations and helmreleases.
action=$1 kind=$2
shift 2
namespace=flux-system
[ "$1" = -n ] && namespace=$2 && shift 2
case $action in
# Not as kubectl: kustomize-controller removes its fields with the next commit.
suspend) exec kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": true}}' ;;
# As Flux's, it waits until the resource is reconciled, for five minutes.
resume)
  kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": false}}' &&
    generation=$(kubectl -n "$namespace" get "$kind" "$@" -o jsonpath='{.metadata.generation}') &&
    kubectl -n "$namespace" wait "$kind" "$@" --for=jsonpath='{.status.observedGeneration}'="$generation" --timeout=5m &&
    exec kubectl -n "$namespace" wait "$kind" "$@" --for=condition=Ready --timeout=5m
  ;;
reconcile)
  now=$(date +%s.%N)
  kubectl -n "$namespace" annotate --overwrite "$kind" "$@" "reconcile.fluxcd.io/requestedAt=$now" &&
    exec kubectl -n "$namespace" wait "$kind" "$@" --for=jsonpath='{.status.lastHandledReconcileAt}'="$now" --timeout=15m
  ;;
*) echo "flux $action: unknown here" >&2 && exit 2 ;;
esac
