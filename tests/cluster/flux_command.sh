#!/bin/sh
# Flux's command for the steps of the guide: suspend, resume, reconcile, of kustomizations and helmreleases.
action=$1 kind=$2
shift 2
namespace=flux-system
[ "$1" = -n ] && namespace=$2 && shift 2
timeout=5m
for word; do
  shift
  case $word in --timeout=*) timeout=${word#*=} ;; *) set -- "$@" "$word" ;; esac
done
case $action in
# Not as kubectl: kustomize-controller removes its fields with the next commit.
suspend) exec kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": true}}' ;;
# As Flux's without `--wait`, it waits until one object is reconciled, and for none of several.
resume)
  kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": false}}' || exit
  [ $# -eq 1 ] || exit 0
  generation=$(kubectl -n "$namespace" get "$kind" "$1" -o jsonpath='{.metadata.generation}') &&
    kubectl -n "$namespace" wait "$kind" "$1" --for=jsonpath='{.status.observedGeneration}'="$generation" --timeout="$timeout" &&
    kubectl -n "$namespace" wait "$kind" "$1" --for=condition=Ready --timeout="$timeout"
  ;;
reconcile)
  now=$(date +%s.%N)
  kubectl -n "$namespace" annotate --overwrite "$kind" "$@" "reconcile.fluxcd.io/requestedAt=$now" &&
    exec kubectl -n "$namespace" wait "$kind" "$@" --for=jsonpath='{.status.lastHandledReconcileAt}'="$now" --timeout="$timeout"
  ;;
*) echo "flux $action: unknown here" >&2 && exit 2 ;;
esac
