#!/bin/sh
# Flux's command for the steps of the guide: suspend, resume, reconcile, of kustomizations and helmreleases.
action=$1 kind=$2
shift 2
namespace=flux-system
[ "$1" = -n ] && namespace=$2 && shift 2
case $action in
# Not as kubectl: kustomize-controller removes its fields with the next commit.
suspend) exec kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": true}}' ;;
resume) exec kubectl -n "$namespace" patch "$kind" "$@" --field-manager=flux --type=merge --patch '{"spec": {"suspend": false}}' ;;
reconcile)
  now=$(date +%s.%N)
  kubectl -n "$namespace" annotate --overwrite "$kind" "$@" "reconcile.fluxcd.io/requestedAt=$now" &&
    exec kubectl -n "$namespace" wait "$kind" "$@" --for=jsonpath='{.status.lastHandledReconcileAt}'="$now" --timeout=15m
  ;;
*) echo "flux $action: unknown here" >&2 && exit 2 ;;
esac
